//! What control tests found lately. A run over the whole population takes seconds, so a page shows the last run of its period, says when
//! that was and over which prefix of the log, and runs anew when somebody asks for it or the run is old. The findings of a period that has
//! settled stay.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::StatusCode;
use privyseal_core::finding::{Findings, settled_at};
use privyseal_core::time::{Period, Timestamp};
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::problem::Problem;

/// Runs that are kept or under way.
const MOST: usize = 16;
/// Runs at the same time; each uses the memory and the processors of an SQL engine.
const AT_ONCE: usize = 2;
/// A run that is older than this is made again, whoever asks.
const GOOD_FOR_SECONDS: i64 = 900;

/// Items that are kept of each test, worst first; packs and the API have them all.
pub(crate) const ITEMS_SHOWN: usize = 100;

/// Which frameworks over which period.
type Key = (Vec<String>, Timestamp, Timestamp);

/// One run that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// When it was begun.
    pub(crate) at: Timestamp,
    /// What was found, or why nothing could be.
    pub(crate) found: Result<Findings, String>,
}

type Outcome = Option<Arc<Run>>;

/// The last runs.
pub(crate) struct Runs {
    runs: Mutex<BTreeMap<Key, (Timestamp, watch::Receiver<Outcome>)>>,
    turns: Arc<Semaphore>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { runs: Mutex::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Runs {
    /// The run to look at: an earlier one while it is good enough, otherwise one that begins now. `anew` asks for the log as it is now.
    fn find_or_begin(&self, app: &App, frameworks: &[String], period: Period, anew: bool) -> Result<watch::Receiver<Outcome>, Problem> {
        let now = app.engine().now();
        let head = app.engine().read(|state| state.next_seq);
        let key: Key = (frameworks.to_vec(), period.start, period.end);
        let mut runs = self.runs.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((begun, run)) = runs.get(&key) {
            let outcome = run.borrow().clone();
            let good = match outcome.as_deref() {
                // Under way, unless whoever ran it has vanished.
                None => run.has_changed().is_ok(),
                Some(Run { found: Err(_), .. }) => false,
                Some(Run { found: Ok(found), at }) if found.snapshot.size == head || *at >= settled_at(period) => true,
                Some(_) => !anew && now.seconds_since(*begun) < GOOD_FOR_SECONDS,
            };
            if good {
                return Ok(run.clone());
            }
        }
        runs.remove(&key);
        if runs.len() >= MOST {
            let oldest = runs.iter().filter(|(_, (_, run))| run.borrow().is_some()).min_by_key(|(_, (begun, _))| *begun);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                let detail = "too many control tests are running: try again in a moment";
                return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail));
            };
            runs.remove(&oldest);
        }
        let (done, run) = watch::channel(None);
        runs.insert(key, (now, run.clone()));
        let (app, frameworks, turns) = (app.clone(), frameworks.to_vec(), Arc::clone(&self.turns));
        tokio::spawn(async move {
            // A semaphore that is never closed always gives a turn.
            let _turn = turns.acquire_owned().await;
            let at = app.engine().now();
            let mut found = app.analytics().assess(&frameworks, period, None).await.map_err(|error| error.to_string());
            for assertion in found.iter_mut().flat_map(|found| &mut found.assertions) {
                assertion.items.truncate(ITEMS_SHOWN);
                assertion.items.shrink_to_fit();
            }
            if let Err(reason) = &found {
                tracing::warn!(assess.error = %reason, "control tests could not be run");
            }
            done.send_replace(Some(Arc::new(Run { at, found })));
        });
        Ok(run)
    }

    /// The run to look at, as soon as it is there; none when it takes longer than `patience` and goes on by itself.
    pub(crate) async fn of(
        &self,
        app: &App,
        frameworks: &[String],
        period: Period,
        anew: bool,
        patience: Duration,
    ) -> Result<Outcome, Problem> {
        let mut run = self.find_or_begin(app, frameworks, period, anew)?;
        match tokio::time::timeout(patience, run.wait_for(Option::is_some)).await {
            Ok(Ok(outcome)) => Ok(outcome.clone()),
            // Whoever ran it has vanished; the next who asks begins anew.
            Ok(Err(_)) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the control tests ended without a result")),
            Err(_) => Ok(None),
        }
    }
}
