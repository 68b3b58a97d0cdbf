//! Pages for what went wrong. Each says what, and what to do; none says more than the person may know.

mod sample;

use askama::Template;

use super::mark;
use super::shell::{Place, Shell};
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// The frame.
    pub shell: Shell,
    /// What went wrong.
    pub problem: Problem,
    /// One sentence of detail; empty when the title says it all. For 500 it is always empty.
    pub detail: Untrusted,
    /// Id of the HTTP request, to be found in the server's log.
    pub request_id: String,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// 403: the person may know that it exists, and may not do it.
    Forbidden {
        /// Roles that may, any of which suffices.
        needs: Vec<String>,
    },
    /// 404: there is nothing, or nothing that this person may know of.
    NotFound,
    /// 401: the answer to a question that is over, such as an old challenge.
    Unproven,
    /// 409: it has moved since the page was shown.
    Conflict,
    /// 410: it was there once.
    Gone,
    /// 400, 405, 415, 422: what was sent is not understood or out of range.
    Invalid,
    /// 413: too large.
    TooLarge,
    /// 500: our own failure.
    Internal,
    /// 503: too much at once, or the ledger cannot be written now.
    Unavailable,
}

impl Problem {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Problem::Forbidden { .. } => 403,
            Problem::NotFound => 404,
            Problem::Unproven => 401,
            Problem::Conflict => 409,
            Problem::Gone => 410,
            Problem::TooLarge => 413,
            Problem::Invalid => 422,
            Problem::Internal => 500,
            Problem::Unavailable => 503,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Problem::Forbidden { .. } => "You may not open this",
            Problem::NotFound => "There is nothing here",
            Problem::Unproven => "That does not prove who you are",
            Problem::Conflict => "This has changed since you saw it",
            Problem::Gone => "This is not here any more",
            Problem::TooLarge => "That is too large",
            Problem::Invalid => "That cannot be used as it is",
            Problem::Internal => "Privyseal failed",
            Problem::Unavailable => "Not right now",
        }
    }

    fn advice(&self) -> &'static str {
        match self {
            Problem::Forbidden { .. } => "Ask an administrator for the role, or go back.",
            Problem::NotFound => "The address may be mistyped, or the thing may be one that you are not allowed to see.",
            Problem::Conflict => "Nothing was recorded. Look at it again and decide on what it is now.",
            Problem::Unproven => "Nothing was decided. Sign in again and repeat what you did.",
            Problem::Gone => "What it was made of is still in the ledger, so it can be made again.",
            Problem::Invalid => "Nothing was recorded. Go back, change it and send it again.",
            Problem::Unavailable => "Nothing you sent is half done. Try again in a moment.",
            Problem::TooLarge => "Nothing was recorded. Pass large payloads as inputs, which are named by digest.",
            Problem::Internal => {
                "Nothing you sent is half done: an action is either on disk or did not happen. Try again; if it stays, tell your operator the id below."
            }
        }
    }

    fn mark(&self) -> mark::Svg {
        match self {
            Problem::Forbidden { .. } => mark::LOCK,
            Problem::NotFound => mark::QUESTION,
            Problem::Conflict => mark::UNEQUAL,
            Problem::Unproven => mark::KEY,
            Problem::Gone | Problem::Unavailable => mark::CLOCK,
            Problem::TooLarge | Problem::Invalid | Problem::Internal => mark::WARNING,
        }
    }

    fn needs(&self) -> &[String] {
        match self {
            Problem::Forbidden { needs } => needs,
            _ => &[],
        }
    }
}
