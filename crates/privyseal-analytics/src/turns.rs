//! Turns: how many statements run at once, and whose is next.
//!
//! Each asker has a few turns of their own, so that one who sends ten heavy statements waits for themselves and not others for them.
//! A free turn goes to whoever has the fewest running, and among those to whoever waits longest.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Statements that run at once, of everybody together. They share the threads; what bounds them is memory.
const AT_ONCE: usize = 16;

/// Statements of one asker that run at once.
const OF_ONE: usize = 2;

/// Statements of one asker that may wait.
const WAITING_OF_ONE: usize = 64;

/// Hands out turns.
#[derive(Default)]
pub(crate) struct Turns(Mutex<State>);

#[derive(Default)]
struct State {
    running: usize,
    /// Counts arrivals, so that the longest wait is known.
    arrivals: u64,
    askers: BTreeMap<String, Asker>,
}

#[derive(Default)]
struct Asker {
    running: usize,
    waiting: VecDeque<(u64, oneshot::Sender<Turn>)>,
}

/// The right to run one statement; it ends when this is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    asker: String,
}

/// One asker has too many statements waiting.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Turns {
    /// Waits for a turn.
    pub(crate) async fn turn(self: &Arc<Self>, asker: &str) -> Result<Turn, TooMany> {
        let receive = {
            let mut state = self.state();
            state.arrivals += 1;
            let (arrival, (send, receive)) = (state.arrivals, oneshot::channel());
            let asker = state.askers.entry(asker.to_owned()).or_default();
            // Those who went away no longer wait.
            asker.waiting.retain(|(_, send)| !send.is_closed());
            if asker.waiting.len() >= WAITING_OF_ONE {
                return Err(TooMany);
            }
            asker.waiting.push_back((arrival, send));
            receive
        };
        self.hand_out();
        receive.await.map_err(|_| TooMany)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing here can be left half done: counters are set in one step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives every free turn to somebody who waits.
    fn hand_out(self: &Arc<Self>) {
        loop {
            let Some((asker, send)) = self.state().next() else { return };
            if let Err(turn) = send.send(Turn { turns: Arc::clone(self), asker }) {
                // Nobody waits for it any more. It must not come back here through its own end: that would go deeper with each.
                self.state().end(&turn.asker);
                std::mem::forget(turn);
            }
        }
    }
}

impl State {
    fn next(&mut self) -> Option<(String, oneshot::Sender<Turn>)> {
        if self.running >= AT_ONCE {
            return None;
        }
        let ready = self.askers.iter().filter(|(_, asker)| asker.running < OF_ONE);
        let ready = ready.filter_map(|(name, asker)| Some((asker.running, asker.waiting.front()?.0, name)));
        let name = ready.min()?.2.clone();
        let asker = self.askers.get_mut(&name)?;
        let (_, send) = asker.waiting.pop_front()?;
        asker.running += 1;
        self.running += 1;
        Some((name, send))
    }

    fn end(&mut self, name: &str) {
        self.running = self.running.saturating_sub(1);
        if let Some(asker) = self.askers.get_mut(name) {
            asker.running = asker.running.saturating_sub(1);
            if asker.running == 0 && asker.waiting.is_empty() {
                self.askers.remove(name);
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.state().end(&self.asker);
        self.turns.hand_out();
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn now<T>(future: impl Future<Output = T>) -> Option<T> {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_asker_waits_for_itself_and_others_do_not() {
        let turns = Arc::new(Turns::default());
        let mut hers: Vec<_> = (0..5).map(|_| Box::pin(turns.turn("mallory"))).collect();
        let held: Vec<_> = hers.iter_mut().filter_map(|turn| now(turn.as_mut())).collect();
        assert_eq!(held.len(), OF_ONE);
        let other = now(turns.turn("ana"));
        assert!(other.is_some(), "somebody else has a turn at once");
        drop(held);
        let held: Vec<_> = hers.iter_mut().skip(OF_ONE).filter_map(|turn| now(turn.as_mut())).collect();
        assert_eq!(held.len(), OF_ONE, "ended turns go on to the next");
    }

    #[test]
    fn turns_of_those_who_went_away_are_not_lost() {
        let turns = Arc::new(Turns::default());
        let first: Vec<_> = (0..OF_ONE).filter_map(|_| now(turns.turn("ana"))).collect();
        let mut gone = Box::pin(turns.turn("ana"));
        assert!(now(gone.as_mut()).is_none());
        let mut stays = Box::pin(turns.turn("ana"));
        assert!(now(stays.as_mut()).is_none());
        drop(gone);
        drop(first);
        assert!(now(stays.as_mut()).is_some());
        drop(stays);
        assert!(turns.state().askers.is_empty() && turns.state().running == 0, "nothing is kept of those who are done");
    }

    #[test]
    fn there_is_a_bound_on_running_and_on_waiting() {
        let turns = Arc::new(Turns::default());
        let names: Vec<String> = (0..AT_ONCE).map(|number| format!("asker {number}")).collect();
        let held: Vec<_> = names.iter().filter_map(|name| now(turns.turn(name))).collect();
        assert_eq!(held.len(), AT_ONCE);
        let mut waiting: Vec<_> = (0..WAITING_OF_ONE).map(|_| Box::pin(turns.turn("late"))).collect();
        assert!(waiting.iter_mut().all(|turn| now(turn.as_mut()).is_none()));
        assert!(matches!(now(turns.turn("late")), Some(Err(TooMany))));
    }
}
