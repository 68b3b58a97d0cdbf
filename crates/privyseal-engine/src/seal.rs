//! Sealing and merging through the engine: the file is made beside the writer, the record goes through it.

use privyseal_core::cause::chain;
use privyseal_core::command::Command;
use privyseal_core::event::Body;
use privyseal_core::event::ledger::SegmentSealed;
use privyseal_ledger::store::Store;
use privyseal_ledger::{leftover, merge, seal};

use crate::error::EngineError;
use crate::handle::Engine;

impl Engine {
    /// Seals everything that is committed when it is called, one segment after the other. Returns what was sealed; empty when there was
    /// nothing new. Several calls at once take turns.
    ///
    /// # Errors
    /// When a segment cannot be made or recorded; segments recorded before that stay.
    pub async fn seal(&self) -> Result<Vec<SegmentSealed>, EngineError> {
        let _turn = self.inner.sealing.lock().await;
        let end = self.read(|state| state.next_seq);
        let mut sealed: Vec<SegmentSealed> = Vec::new();
        loop {
            let layout = self.layout().clone();
            let (begins, now) = (sealed.is_empty(), self.now());
            let made = tokio::task::spawn_blocking(move || -> Result<Option<SegmentSealed>, seal::SealError> {
                let log = Store::of(&layout).reader()?;
                if begins && let Err(error) = leftover::clear_segments(&layout, log.as_ref(), now) {
                    tracing::warn!(ledger.error = %chain(&error), "a segment that nobody needs stays where it is");
                }
                seal::make_segment(&layout, log.as_ref(), end)
            })
            .await
            .map_err(|error| EngineError::NotRecorded(error.to_string()))?;
            let made = made.map_err(|error| EngineError::NotRecorded(chain(&error)))?;
            let Some(segment) = made else { return Ok(sealed) };
            self.as_system(Command::Record(Box::new(Body::SegmentSealed(segment.clone())))).await?;
            tracing::info!(segment.first, segment.last, segment.bytes, "sealed a segment");
            sealed.push(segment);
        }
    }

    /// Makes one segment of small ones that were sealed earlier, when there are enough of them (`privyseal_ledger::merge`). Returns what
    /// was recorded; `None` when there is nothing to merge. One segment at a time: call it again until there is nothing more. The files
    /// of the replaced segments go at a later sealing or start.
    ///
    /// # Errors
    /// When a segment cannot be read, made or recorded; every segment is then as it was.
    pub async fn merge(&self) -> Result<Option<SegmentSealed>, EngineError> {
        let _turn = self.inner.sealing.lock().await;
        let layout = self.layout().clone();
        let made = tokio::task::spawn_blocking(move || -> Result<Option<SegmentSealed>, seal::SealError> {
            merge::merge_segments(&layout, Store::of(&layout).reader()?.as_ref())
        });
        let made = made.await.map_err(|error| EngineError::NotRecorded(error.to_string()))?;
        let Some(segment) = made.map_err(|error| EngineError::NotRecorded(chain(&error)))? else { return Ok(None) };
        self.as_system(Command::Record(Box::new(Body::SegmentSealed(segment.clone())))).await?;
        tracing::info!(segment.first, segment.last, segment.bytes, segment.replaces, "merged segments");
        Ok(Some(segment))
    }
}
