//! Asking an outside advisor about a request, before it is queued: the writer never waits for the network.

use std::sync::Arc;

use privyseal_core::assessment::Advice;
use privyseal_core::event::Actor;
use privyseal_core::hidden::{self, Salt, Subject, hide_action};
use serde_json::{Value, json};

use crate::handle::{Ask, Engine};

/// What stands where a value is hidden.
const HIDDEN: &str = "(hidden)";

impl Engine {
    /// What the advisor says, when one is configured. It never fails: an advisor that does not answer has advised nothing, and that is
    /// what is recorded.
    pub(crate) async fn advise(&self, ask: &Ask, actor: &Actor) -> Option<Advice> {
        let advisor = Arc::clone(self.inner.options.advisor.as_ref()?);
        let name = advisor.name().to_owned();
        let failed = |failure: String, waited_ms| {
            Some(Advice { advisor: name.clone(), points: 0, because: String::new(), failure: Some(failure), waited_ms })
        };
        let Some(question) = self.question(ask, actor) else { return failed("the action has no form to be asked about".to_owned(), 0) };
        let started = self.now();
        let answer = tokio::task::spawn_blocking(move || advisor.advise(&question)).await;
        let waited_ms = u64::try_from((self.now().micros() - started.micros()) / 1_000).unwrap_or(0);
        match answer {
            Ok(Ok(counsel)) => {
                let because =
                    counsel.because.chars().filter(|c| !c.is_control() && !privyseal_core::text::is_deceptive(*c)).take(500).collect();
                Some(Advice { advisor: name, points: counsel.points.min(100), because, failure: None, waited_ms })
            }
            Ok(Err(why)) => failed(why.chars().filter(|c| !c.is_control()).take(200).collect(), waited_ms),
            Err(_) => failed("the advisor's call ended without an answer".to_owned(), waited_ms),
        }
    }

    /// What the advisor sees: who asks for what on what. Nothing that is hidden in the log, and no text of a person.
    fn question(&self, ask: &Ask, actor: &Actor) -> Option<Value> {
        let sensitive = self.sensitive(ask);
        let mut action = ask.action.clone();
        // What is hidden is replaced by a mark; salt and commitment go nowhere.
        let subject = Subject::Principal(actor.id.clone());
        hide_action(&mut action, &self.inner.options.hide, &sensitive, &subject, &mut |_| Salt::from_bytes([0; 16])).ok()?;
        let mut shown = serde_json::to_value(&action).ok()?;
        for (pointer, _) in hidden::members(&shown) {
            if let Some(place) = shown.pointer_mut(&pointer) {
                *place = Value::from(HIDDEN);
            }
        }
        let owner = self.read(|state| state.party(&actor.id).and_then(|party| party.owner));
        Some(json!({
            "v": 1, "requester": {"principal": actor.id, "kind": actor.kind, "owner": owner}, "on_behalf_of": ask.on_behalf_of,
            "action": shown, "ticket": ask.ticket, "breakglass": ask.breakglass,
        }))
    }

    fn sensitive(&self, ask: &Ask) -> Vec<String> {
        let published = self.read(|state| state.policy.clone());
        let policy = published.and_then(|published| self.policy(&published).ok());
        policy.and_then(|policy| policy.action(&ask.action.verb).map(|action| action.sensitive.clone())).unwrap_or_default()
    }
}
