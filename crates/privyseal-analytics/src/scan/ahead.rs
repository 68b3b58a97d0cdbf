//! Stretches of the log worked on side by side, their rows handed out in order.
//!
//! The consumer reads the first stretch that is not done; the next ones are worked on meanwhile and wait with what they have. What waits
//! is counted in the memory pool, and a stretch that has much waiting goes on only when it is its turn.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::{Semaphore, mpsc};

/// Most bytes of one stretch that wait.
const WAITING_BYTES: usize = 16 << 20;

/// Work on one stretch: the batches that it makes.
type Batches = BoxStream<'static, Result<RecordBatch>>;

/// A batch with the memory that it is counted for.
struct Waiting {
    batch: Result<RecordBatch>,
    reservation: MemoryReservation,
    room: u32,
}

/// A stretch that is worked on by a task of its own. Dropping it ends the task.
struct Ahead {
    receive: mpsc::UnboundedReceiver<Waiting>,
    room: Arc<Semaphore>,
    _task: SpawnedTask<()>,
}

/// Works on up to `threads` parts at once.
pub(super) fn in_order<P: Send + 'static>(
    parts: Vec<P>,
    threads: usize,
    pool: &Arc<dyn MemoryPool>,
    read: Box<dyn Fn(&P) -> Result<Batches> + Send>,
) -> impl Stream<Item = Result<RecordBatch>> + Send + use<P> {
    let state = State { parts: parts.into(), ahead: VecDeque::new(), threads, pool: Arc::clone(pool), read };
    stream::unfold(state, |mut state| async move {
        let batch = state.next().await?;
        Some((batch, state))
    })
}

struct State<P> {
    parts: VecDeque<P>,
    ahead: VecDeque<Result<Ahead>>,
    threads: usize,
    pool: Arc<dyn MemoryPool>,
    read: Box<dyn Fn(&P) -> Result<Batches> + Send>,
}

impl<P> State<P> {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            while self.ahead.len() < self.threads.max(1) {
                let Some(part) = self.parts.pop_front() else { break };
                let started = (self.read)(&part).map(|batches| begin(batches, &self.pool));
                self.ahead.push_back(started);
            }
            match self.ahead.front_mut()? {
                Ok(first) => match first.receive.recv().await {
                    Some(waiting) => {
                        // It is its turn: what was taken makes room for what comes.
                        first.room.add_permits(usize::try_from(waiting.room).unwrap_or(0));
                        drop(waiting.reservation);
                        return Some(waiting.batch);
                    }
                    None => {
                        self.ahead.pop_front();
                    }
                },
                Err(_) => {
                    let failed = self.ahead.pop_front()?;
                    return failed.err().map(Err);
                }
            }
        }
    }
}

fn begin(mut batches: Batches, pool: &Arc<dyn MemoryPool>) -> Ahead {
    let (send, receive) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(WAITING_BYTES));
    let (pool, room_of_task) = (Arc::clone(pool), Arc::clone(&room));
    let task = SpawnedTask::spawn(async move {
        while let Some(batch) = batches.next().await {
            let bytes = batch.as_ref().map_or(0, RecordBatch::get_array_memory_size);
            let room = u32::try_from(bytes.min(WAITING_BYTES)).unwrap_or(0);
            // A closed semaphore does not happen: nobody closes it.
            if let Ok(permit) = room_of_task.acquire_many(room).await {
                permit.forget();
            }
            let reservation = MemoryConsumer::new("read ahead").register(&pool);
            let batch = batch.and_then(|batch| reservation.try_grow(bytes).map(|()| batch));
            let failed = batch.is_err();
            if send.send(Waiting { batch, reservation, room }).is_err() || failed {
                return;
            }
        }
    });
    Ahead { receive, room, _task: task }
}
