//! What re-performing came to, in counts, in words and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use privyseal_core::event::request::Submitted;
use privyseal_core::event::{Body, Event, Kind};
use privyseal_core::reperform::{Difference, Judged, Looked};
use privyseal_engine::Spent;
use serde_json::{Value, json};

use crate::output;

/// Differences that are kept; a log with more has one cause that the first tell.
const MAX_KEPT: usize = 10_000;
/// Differences that the text shows.
const MAX_PRINTED: usize = 100;

#[derive(Default)]
pub(super) struct Tally {
    reperformed: BTreeMap<&'static str, u64>,
    not: BTreeMap<(&'static str, String), u64>,
    differences: Vec<Difference>,
    found: u64,
    /// Submissions assessed by each other evaluator than this build's.
    evaluators: BTreeMap<String, u64>,
}

impl Tally {
    pub(super) fn count(&mut self, event: &Event, looked: Looked) {
        let kind = event.kind().name();
        match looked.judged {
            Judged::Reperformed => *self.reperformed.entry(kind).or_default() += 1,
            Judged::NotReperformed(why) => *self.not.entry((kind, why)).or_default() += 1,
            Judged::NoDecision => {}
        }
        if let Body::RequestSubmitted(submitted) = &event.body {
            self.note_evaluator(submitted);
        }
        self.missing(looked.differences);
    }

    fn note_evaluator(&mut self, submitted: &Submitted) {
        let evaluator = &submitted.assessment.evaluator;
        if evaluator != privyseal_policy::EVALUATOR {
            *self.evaluators.entry(evaluator.clone()).or_default() += 1;
        }
    }

    pub(super) fn missing(&mut self, differences: Vec<Difference>) {
        self.found += u64::try_from(differences.len()).unwrap_or(u64::MAX);
        let room = MAX_KEPT.saturating_sub(self.differences.len());
        self.differences.extend(differences.into_iter().take(room));
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found == 0
    }

    pub(super) fn approvals_that_do_not_follow(&self) -> Vec<u64> {
        let approval = Kind::RequestApproved.name();
        let of_approval =
            |difference: &&Difference| difference.what.split(':').next() == Some(approval) && difference.recorded != "nothing";
        let mut seqs: Vec<u64> = self.differences.iter().filter(of_approval).map(|difference| difference.seq).collect();
        seqs.dedup();
        seqs
    }

    fn decisions(&self) -> u64 {
        self.reperformed.values().sum()
    }

    pub(super) fn json(&self) -> Value {
        let not: Vec<Value> = self.not.iter().map(|((kind, why), count)| json!({"kind": kind, "why": why, "count": count})).collect();
        let differences: Vec<Value> = self
            .differences
            .iter()
            .map(|Difference { seq, request, what, recorded, follows }| {
                json!({"seq": seq, "request": request, "what": what, "recorded": recorded, "follows": follows})
            })
            .collect();
        json!({
            "decisions_reperformed": self.decisions(), "reperformed": self.reperformed, "not_reperformed": not,
            "differences_found": self.found, "differences": differences, "other_evaluators": self.evaluators,
        })
    }

    pub(super) fn print(&self) {
        let found = self.found;
        output::data(&format!(
            "{} decisions re-performed with the policy and the facts of their time, {found} {}",
            self.decisions(),
            if found == 1 { "difference" } else { "differences" }
        ));
        for (kind, count) in &self.reperformed {
            output::data(&format!("  {count:>8} {kind}"));
        }
        for ((kind, why), count) in &self.not {
            output::data(&format!("  {count:>8} {kind} not re-performed whole: {why}"));
        }
        for Difference { seq, request, what, recorded, follows } in self.differences.iter().take(MAX_PRINTED) {
            let request = request.map(|request| format!(", request {request}")).unwrap_or_default();
            output::data(&format!("DIFFERS at entry {seq}{request}: {what}: recorded `{recorded}`, what follows is `{follows}`"));
        }
        let unseen = found.saturating_sub(u64::try_from(MAX_PRINTED).unwrap_or(u64::MAX));
        if unseen > 0 {
            output::data(&format!("and {unseen} more; `--format json` has up to {MAX_KEPT}"));
        }
        for (evaluator, count) in &self.evaluators {
            output::data(&format!("{count} requests were assessed by `{evaluator}`; this build is `{}`", privyseal_policy::EVALUATOR));
        }
    }

    /// How fast it was: a measurement, for people.
    pub(super) fn speed(&self, whole: Duration, spent: Spent) -> String {
        let decisions = self.decisions();
        let rate = |time: Duration| {
            let micros = time.as_micros().max(1);
            u128::from(decisions).saturating_mul(1_000_000) / micros
        };
        format!(
            "re-performed {decisions} decisions in {:.1} s on one core: {} a second with everything, {} a second for deciding and \
             folding alone (reading took {:.1} s, policy {:.1} s)",
            whole.as_secs_f64(),
            rate(whole),
            rate(whole.saturating_sub(spent.reading).saturating_sub(spent.policy)),
            spent.reading.as_secs_f64(),
            spent.policy.as_secs_f64(),
        )
    }
}
