//! `/people`: who exists, who answers for what, and what they may do.

mod sample;

use askama::Template;

use super::halt::HaltCard;
use super::mark;
use super::moment::Moment;
use super::number::Count;
use super::party::Party;
use super::shell::Shell;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    /// The frame.
    pub shell: Shell,
    /// People, by name.
    pub people: Vec<PersonRow>,
    /// Agents, by name.
    pub agents: Vec<AgentRow>,
    /// Stopping agents.
    pub halt: HaltCard,
}

/// A person with one of their accounts.
#[derive(Clone, Debug)]
pub struct PersonRow {
    /// The account.
    pub party: Party,
    /// Mail address, when known.
    pub email: Option<Untrusted>,
    /// Roles and groups.
    pub roles: Vec<RoleView>,
    /// How many passkeys they have.
    pub passkeys: Count,
    /// Other accounts of the same person, by id.
    pub linked: Vec<String>,
    /// When they last signed in.
    pub seen: Option<Moment>,
    /// The account is disabled.
    pub disabled: bool,
    /// Whoever looks may confirm or take away what they hold.
    pub may_review: bool,
}

/// A role or group that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleView {
    /// Its name.
    pub name: String,
    /// Until when; `None` for a standing role.
    pub until: Option<Moment>,
}

/// An agent.
#[derive(Clone, Debug)]
pub struct AgentRow {
    /// The account.
    pub party: Party,
    /// Who answers for it.
    pub owner: Option<Party>,
    /// What spawned it.
    pub parent: Option<Party>,
    /// Model or program and version.
    pub program: Untrusted,
    /// Actions it is meant for.
    pub intended: Vec<String>,
    /// How many requests it made.
    pub requests: Count,
    /// When it last asked.
    pub seen: Option<Moment>,
    /// The account is disabled.
    pub disabled: bool,
}
