//! `/settings`: what a person lends to colleagues, what is lent to them, and the agents that they answer for.

mod sample;

use askama::Template;

use super::halt::HaltCard;
use super::mark;
use super::moment::Moment;
use super::party::Party;
use super::shell::Shell;
use super::text::Untrusted;

/// The page.
#[derive(Clone, Debug, Template)]
#[template(path = "settings.html")]
pub struct SettingsPage {
    /// The frame.
    pub shell: Shell,
    /// What they lend.
    pub lent: Vec<Loan>,
    /// What is lent to them.
    pub borrowed: Vec<Loan>,
    /// Groups that they hold and can lend.
    pub groups: Vec<String>,
    /// To whom they can lend: id and name.
    pub colleagues: Vec<(String, Untrusted)>,
    /// The first and last day that the form proposes.
    pub days: (String, String),
    /// Stopping agents.
    pub halt: HaltCard,
}

/// A delegation.
#[derive(Clone, Debug)]
pub struct Loan {
    /// The other side of it.
    pub party: Party,
    /// Which groups.
    pub roles: Vec<String>,
    /// From when.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
    /// It has not begun.
    pub ahead: bool,
    /// Why.
    pub reason: Untrusted,
    /// Where it is ended.
    pub end: String,
}
