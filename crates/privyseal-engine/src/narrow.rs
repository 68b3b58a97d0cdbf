//! Narrowing a request: the narrower action out of the pending one, assessed anew as its requester's.

use std::sync::Arc;

use privyseal_core::command::{Command, Named, Narrow};
use privyseal_core::decide::{Fresh, Narrower, narrower};
use privyseal_core::event::{Actor, Text};
use privyseal_core::hidden;
use privyseal_core::id::RequestId;
use privyseal_core::refusal::{Refusal, RefusalCode};
use privyseal_core::request::Request;
use privyseal_core::time::Timestamp;
use privyseal_ledger::blob;
use privyseal_ledger::private::Found;
use serde_json::Value;

use crate::error::EngineError;
use crate::handle::{Ask, Attachment};
use crate::writer::{Pending, Writer};

/// What a reviewer would agree to instead.
#[derive(Clone, Debug)]
pub struct Less {
    /// The pending request.
    pub request: RequestId,
    /// What is narrower.
    pub change: Narrower,
    /// Why.
    pub comment: String,
}

impl Writer {
    /// The command that puts the narrower request in the place of the pending one. Whether the actor may, core decides.
    pub(crate) fn narrow(&mut self, less: &Less, now: Timestamp, fresh: &Fresh, pending: &Pending) -> Result<Command, EngineError> {
        let recalled = self.recall(Some(Named::Request(less.request)))?;
        let known = recalled.or_else(|| self.working.named(Named::Request(less.request)).map(Arc::clone));
        let unknown = || Refusal::new(RefusalCode::UnknownRequest, format!("there is no request {}", less.request));
        let old = known.ok_or_else(unknown)?;
        let submitted = &old.submitted;
        let narrowable = self.in_force()?.1.action(&submitted.action.verb).map(|action| action.narrow.clone()).unwrap_or_default();
        let action = narrower(&submitted.action, &submitted.assessment, &narrowable, &less.change)?;
        let ask = self.as_asked(&old, &action)?;
        let requester = Actor {
            id: submitted.requester.principal.clone(),
            kind: submitted.requester.kind,
            channel: privyseal_core::event::Channel::Engine,
            auth: privyseal_core::event::Auth {
                method: privyseal_core::event::AuthMethod::Engine,
                amr: Vec::new(),
                auth_time: None,
                session: None,
                credential: None,
            },
        };
        let (command, _) = self.assess(&ask, None, &requester, now, fresh, pending, submitted.assessment.advice.as_ref())?;
        let Command::Submit(mut submit) = command else { return Err(EngineError::BadInput("nothing was asked".to_owned())) };
        // Values that are hidden stay hidden as they were: their openings are those of the request before.
        submit.action = action;
        let narrow = Narrow { request: less.request, submit: *submit, narrowable, comment: less.comment.clone() };
        Ok(Command::Narrow(Box::new(narrow)))
    }

    /// The narrower action as its requester would have asked for it, with its hidden values open, because policy looks at them.
    fn as_asked(&self, old: &Request, action: &privyseal_core::action::Action) -> Result<Ask, EngineError> {
        let submitted = &old.submitted;
        let gone = |what: &str| {
            let reason = format!("{what} of the request cannot be read any more: it has to be asked for anew");
            EngineError::from(Refusal::new(RefusalCode::NotNarrower, reason))
        };
        let mut open = serde_json::to_value(action).map_err(|error| EngineError::BadInput(error.to_string()))?;
        for (pointer, commitment) in hidden::members(&open.clone()) {
            let (Some(place), Ok(Found::Clear(_, value))) = (open.pointer_mut(&pointer), self.private.find(&commitment)) else {
                return Err(gone("a hidden value"));
            };
            *place = value;
        }
        let justification = match &submitted.justification {
            Text::Clear(text) => text.clone(),
            Text::Hidden { commitment } => match self.private.find(commitment) {
                Ok(Found::Clear(_, Value::String(text))) => text,
                _ => return Err(gone("the justification")),
            },
        };
        let layout = &self.options.layout;
        let content = |input: &privyseal_core::action::Input| {
            let bytes = blob::get(layout, &input.sha256).ok().flatten()?;
            Some(Attachment { name: input.name.clone(), bytes })
        };
        Ok(Ask {
            action: serde_json::from_value(open).map_err(|error| EngineError::BadInput(error.to_string()))?,
            justification,
            ticket: submitted.ticket.clone(),
            on_behalf_of: submitted.on_behalf_of.as_ref().map(|party| party.principal.clone()),
            executor: submitted.executor.as_ref().map(|party| party.principal.clone()),
            audience: submitted.audience.clone(),
            batch: submitted.batch.clone(),
            idempotency_key: None,
            previous_request: Some(old.id),
            significant_change: submitted.significant_change,
            authors: submitted.authors.clone(),
            breakglass: false,
            attachments: action.inputs.iter().filter_map(content).collect(),
        })
    }
}
