//! Who: accounts and the people behind them.

use askama::Template;
use askama::filters::HtmlSafe;

use super::mark;
use super::text::Untrusted;

/// What sort of thing an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A person's own account.
    Person,
    /// An AI agent, pipeline or service.
    Agent,
    /// Privyseal itself.
    System,
}

impl Kind {
    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Person => "person",
            Kind::Agent => "agent",
            Kind::System => "Privyseal",
        }
    }

    /// The mark.
    #[must_use]
    pub fn mark(self) -> mark::Svg {
        match self {
            Kind::Person => mark::PERSON,
            Kind::Agent => mark::AGENT,
            Kind::System => mark::SEAL,
        }
    }
}

/// An account as it is named in running text: mark and name, the id for those who hover or listen.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(path = "part/party.html")]
pub struct Party {
    /// What it is.
    pub kind: Kind,
    /// Its name for people.
    pub name: Untrusted,
    /// The principal's id.
    pub id: String,
}

impl HtmlSafe for Party {}

impl Party {
    /// A person.
    #[must_use]
    pub fn person(name: impl Into<Untrusted>, id: impl Into<String>) -> Self {
        Self { kind: Kind::Person, name: name.into(), id: id.into() }
    }

    /// An agent.
    #[must_use]
    pub fn agent(name: impl Into<Untrusted>, id: impl Into<String>) -> Self {
        Self { kind: Kind::Agent, name: name.into(), id: id.into() }
    }

    /// Privyseal itself.
    #[must_use]
    pub fn system() -> Self {
        Self { kind: Kind::System, name: "Privyseal".into(), id: "system".to_owned() }
    }
}
