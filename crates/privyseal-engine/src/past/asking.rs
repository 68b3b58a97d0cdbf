//! What policy was asked about a recorded request: its action with the secrets that still exist, its inputs, its justification's length.

use privyseal_core::action::Action;
use privyseal_core::command::Assessed;
use privyseal_core::digest::Digest;
use privyseal_core::event::request::Submitted;
use privyseal_core::event::{Event, Text};
use privyseal_core::hidden;
use privyseal_core::reperform::Again;
use privyseal_core::state::State;
use privyseal_policy::Policy;
use serde_json::{Map, Value};

use crate::assess::{Asked, consult};

/// Most contents of inputs of which it is tried whether they were at hand; more are taken all or none.
const MAX_TRIED: usize = 4;

/// A recorded submission as policy can be asked about it.
pub struct Asking<'a> {
    event: &'a Event,
    submitted: &'a Submitted,
    action: Action,
    closed: Vec<String>,
    /// Contents of inputs that are kept. The log does not say which of them came with this request.
    input_texts: Vec<(String, String)>,
    /// Found again in what was shown; `None` when part of it is gone.
    deceptive: Option<Vec<String>>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(
        event: &'a Event,
        submitted: &'a Submitted,
        find: &dyn Fn(&Digest) -> Result<Value, String>,
        blob: impl Fn(&Digest) -> Option<Vec<u8>>,
    ) -> Self {
        let (mut action, mut closed) = (submitted.action.clone(), Vec::new());
        open(&mut action.parameters, "/body/parameters", find, &mut closed);
        open(&mut action.resource.attributes, "/body/resource/attributes", find, &mut closed);
        let text = |input: &privyseal_core::action::Input| Some((input.name.clone(), String::from_utf8(blob(&input.sha256)?).ok()?));
        let input_texts = action.inputs.iter().filter_map(text).collect();
        let justification = match &submitted.justification {
            Text::Clear(text) => Some(text.clone()),
            Text::Hidden { commitment } => find(commitment).ok().and_then(|value| value.as_str().map(str::to_owned)),
        };
        let deceptive = justification.filter(|_| closed.is_empty()).map(|text| action.deceptive(&text));
        Self { event, submitted, action, closed, input_texts, deceptive }
    }

    /// Hidden values of the action that are gone, each with why.
    #[must_use]
    pub fn closed(&self) -> &[String] {
        &self.closed
    }

    /// What a policy says about it on the state before it, published as `version`.
    #[must_use]
    pub fn consult(&self, policy: &Policy, version: u64, state: &State) -> Assessed {
        self.consult_with(policy, version, state, &self.input_texts)
    }

    fn consult_with(&self, policy: &Policy, version: u64, state: &State, input_texts: &[(String, String)]) -> Assessed {
        let asked = Asked {
            requester: &self.submitted.requester.principal,
            kind: self.submitted.requester.kind,
            action: &self.action,
            input_texts,
            on_behalf_of: self.submitted.on_behalf_of.is_some(),
            justification_chars: self.submitted.justification_chars,
            has_ticket: self.submitted.ticket.is_some(),
            deceptive: self.deceptive.as_ref().unwrap_or(&self.submitted.deceptive),
            advice: self.submitted.assessment.advice.as_ref(),
        };
        consult(policy, version, state, &asked, self.event.time)
    }

    fn is_as_recorded(&self, assessed: &Assessed) -> bool {
        let (now, then) = (&assessed.assessment, &self.submitted.assessment);
        // Another evaluator is told apart.
        now.facts == then.facts && now.factors == then.factors && now.determining == then.determining
    }

    /// Keeps those contents of inputs with which the policy of its time says what is recorded; all, when no choice does. The others may
    /// have come with a later request that names the same bytes.
    pub fn keep_what_was_at_hand(&mut self, policy: &Policy, version: u64, state: &State) {
        if self.input_texts.is_empty() || self.is_as_recorded(&self.consult(policy, version, state)) {
            return;
        }
        let recorded = |texts: &Vec<(String, String)>| self.is_as_recorded(&self.consult_with(policy, version, state, texts));
        let at_hand = self.parts().find(recorded);
        self.input_texts = at_hand.unwrap_or_else(|| std::mem::take(&mut self.input_texts));
    }

    /// What the policy of its time says again.
    ///
    /// # Errors
    /// When a value is gone and the answer without it is another one.
    pub(super) fn again(mut self, policy: &Policy, version: u64, state: &State) -> Result<Again, String> {
        self.keep_what_was_at_hand(policy, version, state);
        let assessed = self.consult(policy, version, state);
        if !self.closed.is_empty() && !self.is_as_recorded(&assessed) {
            return Err(format!("a rule may have looked at a value that is gone: {}", self.closed.join(", ")));
        }
        let narrowable = policy.action(&self.submitted.action.verb).map(|action| action.narrow.clone()).unwrap_or_default();
        Ok(Again { assessed, deceptive: self.deceptive, narrowable })
    }

    /// Every smaller choice of the contents at hand, none included; of many only none.
    fn parts(&self) -> impl Iterator<Item = Vec<(String, String)>> {
        let choices = if self.input_texts.len() <= MAX_TRIED { (1_usize << self.input_texts.len()) - 1 } else { 1 };
        (0..choices).map(|choice| {
            let chosen = self.input_texts.iter().enumerate().filter(|(index, _)| choice & (1 << index) != 0);
            chosen.map(|(_, text)| text.clone()).collect()
        })
    }
}

/// Puts the values that still exist in the place of their commitments.
fn open(members: &mut Map<String, Value>, at: &str, find: &dyn Fn(&Digest) -> Result<Value, String>, closed: &mut Vec<String>) {
    let mut whole = Value::Object(std::mem::take(members));
    for (pointer, commitment) in hidden::members(&whole) {
        match (find(&commitment), whole.pointer_mut(&pointer)) {
            (Ok(value), Some(place)) => *place = value,
            (Ok(_), None) => {}
            (Err(why), _) => closed.push(format!("{at}{pointer} {why}")),
        }
    }
    if let Value::Object(opened) = whole {
        *members = opened;
    }
}
