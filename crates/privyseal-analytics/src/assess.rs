//! From control tests to findings: gates first, then every mapped test, then what they mean for each control.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use privyseal_core::catalog::{Catalogs, Control, Framework};
use privyseal_core::finding::{self, AssertionFinding, ControlFinding, Counts, Findings, FrameworkFinding, ItemStatus, TestState};
use privyseal_core::port::{Populations, QueryError};
use privyseal_core::time::{Period, Timestamp};
use serde_json::Value;
use tokio::task::JoinSet;

use crate::answer;
use crate::assertion::{self, Assertion, Parameters, Population};
use crate::guard::{self, suggestion};
use crate::harden::Interrupt;
use crate::run::Runner;
use crate::store::Snapshot;

/// Tests whose passing is a condition for every other test to pass.
pub(crate) const GATES: [&str; 3] = ["I01", "I02", "I04"];

/// Longest time for one test.
const TEST_TIMEOUT: Duration = Duration::from_secs(600);

/// Tests and controls over a runner.
pub(crate) struct Assessor {
    pub(crate) assertions: BTreeMap<String, Arc<Assertion>>,
    pub(crate) catalogs: Catalogs,
    pub(crate) runner: Arc<Runner>,
    pub(crate) threads: usize,
}

/// Where the evidence of a period begins and ends, and the days on which nothing gave a sign of life.
struct Sources {
    silent: Vec<String>,
    covered: bool,
    /// Said beside a result when the log does not span the whole period.
    remark: String,
}

/// What all tests of one run have in common.
struct Shared {
    period: Period,
    snapshot: Arc<Snapshot>,
    policy: Parameters,
    sources: Sources,
    populations: Option<Arc<dyn Populations>>,
    interrupt: Arc<Interrupt>,
}

impl Assessor {
    /// Runs the tests that these frameworks are mapped to, and the gates.
    pub(crate) async fn assess(
        self: Arc<Self>,
        frameworks: Vec<String>,
        period: Period,
        populations: Option<Arc<dyn Populations>>,
        interrupt: Arc<Interrupt>,
    ) -> Result<Findings, QueryError> {
        let mapped = self.mapped(&frameworks)?;
        let controls = mapped.iter().flat_map(|framework| &framework.controls);
        let wanted = controls.filter_map(|control| control.mapping.as_ref()).flat_map(|mapping| mapping.assertions.clone()).collect();
        let (snapshot, assertions) = Arc::clone(&self).run_all(wanted, period, populations, interrupt).await?;
        let by_id: BTreeMap<&str, &AssertionFinding> = assertions.iter().map(|finding| (finding.assertion.as_str(), finding)).collect();
        let frameworks = mapped.into_iter().map(|framework| framework_finding(framework, &by_id)).collect();
        Ok(Findings { period, snapshot: self.runner.reference(&snapshot).await?, engine: engine_name(), frameworks, assertions })
    }

    /// Runs some tests and the gates; findings by id, and what they were computed from: the log as it was when the period had settled, so that
    /// who performs them again next year finds the same.
    pub(crate) async fn run_all(
        self: Arc<Self>,
        wanted: BTreeSet<String>,
        period: Period,
        populations: Option<Arc<dyn Populations>>,
        interrupt: Arc<Interrupt>,
    ) -> Result<(Arc<Snapshot>, Vec<AssertionFinding>), QueryError> {
        let whole = self.runner.snapshot().await?;
        let snapshot = self.runner.before(&whole, finding::settled_at(period)).await?;
        let policy = self.policy_parameters(period, &snapshot, &interrupt).await?;
        let sources = self.sources(period, &snapshot, whole.last_at, &interrupt).await?;
        let shared = Arc::new(Shared { period, snapshot: Arc::clone(&snapshot), policy, sources, populations, interrupt });
        let (gates, others): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .chain(GATES.map(str::to_owned))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter_map(|id| self.assertions.get(&id).cloned())
            .partition(|assertion| GATES.contains(&assertion.id.as_str()));
        let all_gates = gates.len() == GATES.len();
        let mut findings = self.run_some(gates, true, &shared).await?;
        let gates_pass = all_gates && findings.iter().all(|finding| finding.state == TestState::Pass);
        findings.extend(self.run_some(others, gates_pass, &shared).await?);
        findings.sort_by(|a, b| a.assertion.cmp(&b.assertion));
        Ok((snapshot, findings))
    }

    /// Several tests side by side, as many at once as there are threads.
    async fn run_some(
        self: &Arc<Self>,
        assertions: Vec<Arc<Assertion>>,
        gates_pass: bool,
        shared: &Arc<Shared>,
    ) -> Result<Vec<AssertionFinding>, QueryError> {
        // Dropping the set aborts its tasks, so that a caller who goes away ends all of them.
        let (mut tasks, mut findings, mut waiting) = (JoinSet::new(), Vec::new(), assertions.into_iter());
        loop {
            while tasks.len() < self.threads {
                let Some(assertion) = waiting.next() else { break };
                let (assessor, shared) = (Arc::clone(self), Arc::clone(shared));
                tasks.spawn(async move { assessor.run_one(&assertion, gates_pass, &shared).await });
            }
            match tasks.join_next().await {
                None => return Ok(findings),
                Some(Ok(finding)) => findings.push(finding),
                Some(Err(_)) => return Err(QueryError::Failed("a control test was broken off".to_owned())),
            }
        }
    }

    async fn run_one(&self, assertion: &Assertion, gates_pass: bool, shared: &Shared) -> AssertionFinding {
        let Shared { period, snapshot, policy, sources, populations, interrupt } = shared;
        let (parameters, passed_over) = assertion.parameters(policy);
        let run = Box::pin(assertion::run(assertion, &parameters, *period, &self.runner, snapshot, populations.as_deref(), interrupt));
        let outcome = tokio::time::timeout(TEST_TIMEOUT, run).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("it ran longer than {} s", TEST_TIMEOUT.as_secs())));
        let (population, failure) = match outcome {
            Ok(population) => (population, None),
            Err(reason) => (Population::empty(), Some(reason)),
        };
        let counts = Counts {
            rows: population.rows(),
            violations: population.count(ItemStatus::Violation),
            indeterminate: population.count(ItemStatus::Indeterminate),
            tolerance: assertion::tolerance(&parameters),
            sources_alive: sources.covered && sources.silent.is_empty(),
            gates_pass: gates_pass || GATES.contains(&assertion.id.as_str()),
        };
        let (state, reason) = match failure {
            Some(reason) => (TestState::Error, reason),
            None => (counts.state(), explain(&counts, sources)),
        };
        let reasons: Vec<String> = [reason].into_iter().filter(|reason| !reason.is_empty()).chain(passed_over).collect();
        let reason = reasons.join("; ");
        AssertionFinding {
            assertion: assertion.id.clone(),
            title: assertion.header.title.clone(),
            query: assertion.text.clone(),
            query_digest: assertion.digest(),
            parameters: assertion::as_members(&parameters),
            state,
            reason,
            rows: counts.rows,
            violations: counts.violations,
            indeterminate: counts.indeterminate,
            result_digest: population.result_digest,
            items: population.items,
        }
    }

    fn mapped(&self, frameworks: &[String]) -> Result<Vec<&Framework>, QueryError> {
        let known = || self.catalogs.frameworks().iter().map(|framework| framework.id.as_str());
        let find = |id: &String| {
            self.catalogs.framework(id).ok_or_else(|| {
                let near = suggestion(id, known());
                QueryError::Refused(format!("no framework `{}`{near}", id.escape_debug()))
            })
        };
        frameworks.iter().map(find).collect()
    }

    /// Parameters of the policy in force at the last moment of the period.
    async fn policy_parameters(
        &self,
        period: Period,
        snapshot: &Arc<Snapshot>,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Parameters, QueryError> {
        let sql = format!("SELECT parameters FROM policies WHERE valid_from < utc('{}') ORDER BY from_seq DESC LIMIT 1", period.end);
        let rows = self.internal(&sql, snapshot, interrupt).await?;
        let text = rows.first().and_then(|row| row.first()).and_then(Value::as_str);
        Ok(text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default())
    }

    /// Whether every UTC day of the period gave a sign of life: a heartbeat, a source's count of it, or a node that
    /// made a count on it. The period is taken from the
    /// opening of the log on, and up to the last entry of the whole log, `last_at`.
    async fn sources(
        &self,
        period: Period,
        snapshot: &Arc<Snapshot>,
        last_at: Timestamp,
        interrupt: &Arc<Interrupt>,
    ) -> Result<Sources, QueryError> {
        let (from, to) = (period.start.max(snapshot.opened_at), period.end.min(last_at));
        let mut remarks = Vec::new();
        if period.start < snapshot.opened_at {
            remarks.push(format!("the log begins {}", snapshot.opened_at));
        }
        if period.end > last_at {
            remarks.push(format!("the log ends {last_at}"));
        }
        if from > to {
            return Ok(Sources { silent: Vec::new(), covered: false, remark: "the log does not reach into the period".to_owned() });
        }
        let sql = format!(
            "SELECT d.day FROM days d
            LEFT JOIN (
              SELECT day FROM source_counts
              UNION SELECT substr(CAST(date_trunc('day', counted_at) AS VARCHAR), 1, 10) AS day FROM source_counts WHERE feed = 'node'
              UNION SELECT substr(CAST(date_trunc('day', beat_at) AS VARCHAR), 1, 10) AS day FROM heartbeats) s ON s.day = d.day
            WHERE s.day IS NULL AND d.ends_at > utc('{from}') AND d.starts_at < utc('{to}')
            ORDER BY d.day"
        );
        let rows = self.internal(&sql, snapshot, interrupt).await?;
        let silent = rows.into_iter().flatten().filter_map(|day| day.as_str().map(str::to_owned)).collect();
        Ok(Sources { silent, covered: true, remark: remarks.join(", ") })
    }

    async fn internal(&self, sql: &str, snapshot: &Arc<Snapshot>, interrupt: &Arc<Interrupt>) -> Result<Vec<Vec<Value>>, QueryError> {
        let mut running = self.runner.start_statement(guard::parse(sql)?, &BTreeSet::new(), snapshot, interrupt).await?;
        let mut rows = Vec::new();
        while let Some(batch) = running.stream.next().await {
            rows.extend(answer::rows(&batch.map_err(|error| self.runner.explain(&error, snapshot))?)?);
        }
        Ok(rows)
    }
}

/// Why a state, when it is not plain from the counts.
fn explain(counts: &Counts, sources: &Sources) -> String {
    let mut reasons = Vec::new();
    if counts.violations <= counts.tolerance {
        if !counts.gates_pass {
            reasons.push(format!("an integrity gate ({}) does not pass", GATES.join(", ")));
        }
        if let Some(first) = sources.silent.first() {
            let more = sources.silent.len() - 1;
            let more = if more > 0 { format!(" and {more} more days") } else { String::new() };
            reasons.push(format!("no source gave a sign of life on {first}{more}"));
        }
        if counts.violations > 0 {
            reasons.push(format!("{} violations are within the tolerance of {}", counts.violations, counts.tolerance));
        }
    }
    if !sources.remark.is_empty() {
        reasons.push(sources.remark.clone());
    }
    reasons.join("; ")
}

fn framework_finding(framework: &Framework, findings: &BTreeMap<&str, &AssertionFinding>) -> FrameworkFinding {
    let control = |control: &Control| {
        let mapped = control.mapping.iter().flat_map(|mapping| mapping.assertions.iter().cloned());
        let (tested, not_implemented): (Vec<String>, Vec<String>) = mapped.partition(|id| findings.contains_key(id.as_str()));
        let state = tested.iter().filter_map(|id| findings.get(id.as_str())).map(|finding| finding.state).min();
        ControlFinding {
            control: control.id.clone(),
            title: control.title.clone(),
            group: control.group.clone(),
            strength: control.mapping.as_ref().map(|mapping| mapping.strength),
            tested,
            not_implemented,
            state,
        }
    };
    FrameworkFinding {
        framework: framework.id.clone(),
        name: framework.name.clone(),
        catalog_version: framework.version.clone(),
        catalog_digest: framework.digest,
        controls: framework.controls.iter().map(control).collect(),
    }
}

/// The engine and its version, for whoever performs a test again.
pub(crate) fn engine_name() -> String {
    format!("privyseal-analytics {} on DataFusion {}", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION)
}
