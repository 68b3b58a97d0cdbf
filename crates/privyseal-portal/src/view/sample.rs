//! Samples: every page in every state it has, filled by hand. The tests render and check them all, and `--example gallery` writes them out.
//!
//! The company is made up. Nothing here is used when the portal serves real pages.

use askama::Template;
use privyseal_core::digest::Digest;
use privyseal_core::time::Timestamp;

use super::moment::Moment;
use super::number::{Count, Hash};
use super::party::Party;
use super::shell::{Live, Place, Shell, User};
use super::{controls, error, evidence, history, ledger, people, policies, queue, request, settings, sign_in, sql};

/// A page or fragment that can show itself in every state it has.
pub trait Sampled: Template + Sized {
    /// Its name, as in its template's.
    const NAME: &'static str;
    /// Whether it is a part of a page rather than a page.
    const FRAGMENT: bool = false;

    /// Every state, by name.
    fn samples() -> Vec<(&'static str, Self)>;
}

/// One sample, rendered.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Page and state: `queue--empty`.
    pub name: String,
    /// Whether it is a part of a page.
    pub fragment: bool,
    /// The HTML.
    pub html: String,
}

/// Every sample of every page, rendered.
///
/// # Errors
/// When a template cannot be rendered.
pub fn render_all() -> askama::Result<Vec<Rendered>> {
    let mut rendered = Vec::new();
    render::<sign_in::SignInPage>(&mut rendered)?;
    render::<sign_in::LinkPage>(&mut rendered)?;
    render::<sign_in::EnrolPage>(&mut rendered)?;
    render::<settings::SettingsPage>(&mut rendered)?;
    render::<queue::QueuePage>(&mut rendered)?;
    render::<queue::QueuePartial>(&mut rendered)?;
    render::<request::RequestPage>(&mut rendered)?;
    render::<request::RequestPartial>(&mut rendered)?;
    render::<history::HistoryPage>(&mut rendered)?;
    render::<controls::ControlsPage>(&mut rendered)?;
    render::<controls::FrameworkPage>(&mut rendered)?;
    render::<controls::ControlPage>(&mut rendered)?;
    render::<evidence::EvidencePage>(&mut rendered)?;
    render::<evidence::EvidencePartial>(&mut rendered)?;
    render::<sql::SqlPage>(&mut rendered)?;
    render::<sql::SqlHistoryPage>(&mut rendered)?;
    render::<ledger::LedgerPage>(&mut rendered)?;
    render::<policies::PoliciesPage>(&mut rendered)?;
    render::<people::PeoplePage>(&mut rendered)?;
    render::<error::ErrorPage>(&mut rendered)?;
    Ok(rendered)
}

fn render<T: Sampled>(rendered: &mut Vec<Rendered>) -> askama::Result<()> {
    for (state, sample) in T::samples() {
        rendered.push(Rendered { name: format!("{}--{state}", T::NAME), fragment: T::FRAGMENT, html: sample.render()? });
    }
    Ok(())
}

/// Text that tries to become markup, to reorder what stands beside it, and to hide.
pub const HOSTILE: &str = "\"><img src=x onerror=alert(1)></h1><script>alert('x')</script>\u{202e}dorp\u{200b} & {{ 7*7 }} '";

/// The moment at which all samples are shown.
pub(super) fn now() -> Timestamp {
    at("2026-11-23T14:11:00Z")
}

/// A moment, spelt out. A misspelt one is 1970, which any eye catches.
pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_default()
}

/// A moment that many seconds before the samples' now.
pub(super) fn ago(seconds: i64) -> Timestamp {
    now().plus_seconds(seconds.saturating_neg())
}

/// A digest of some text.
pub(super) fn hash(text: &str) -> Hash {
    Hash::new(&Digest::of(text.as_bytes()))
}

/// 4,000 characters of a reason that goes on.
pub(super) fn long_reason() -> String {
    let sentence = "The migration adds a region column to the orders table because routing needs it before the peak, and the backfill runs in batches. ";
    let mut reason: String = sentence.repeat(30).chars().take(3_990).collect();
    reason.push_str(" The end.");
    reason
}

/// A resource's id as long as one can be, without a place to break.
pub(super) fn long_resource() -> String {
    format!("projects/halden-freight-production-europe-west/instances/{}/databases/orders", "a1b2c3d4".repeat(52))
}

pub(super) fn ana() -> Party {
    Party::person("Ana Ruiz", "ana")
}

pub(super) fn ben() -> Party {
    Party::person("Ben Carter", "ben")
}

pub(super) fn dana() -> Party {
    Party::person("Dana Okafor", "dana")
}

pub(super) fn mei() -> Party {
    Party::person("Mei Lin", "mei")
}

pub(super) fn tomasz() -> Party {
    Party::person("Tomasz Zieliński", "tomasz")
}

pub(super) fn deploy_bot() -> Party {
    Party::agent("deploy-bot", "agent:deploy-bot")
}

pub(super) fn schema_pilot() -> Party {
    Party::agent("schema-pilot", "agent:schema-pilot")
}

pub(super) fn data_janitor() -> Party {
    Party::agent("data-janitor", "agent:data-janitor")
}

/// The frame as an approver sees it.
pub(super) fn approver(place: Place) -> Shell {
    framed(
        place,
        User {
            name: "Ana Ruiz".into(),
            id: "ana".to_owned(),
            roles: ["approver", "group:sre"].map(String::from).to_vec(),
            method: "passkey",
            places: vec![Place::Queue, Place::History, Place::Controls, Place::Ledger, Place::Policies, Place::People],
        },
    )
}

/// The frame as an auditor sees it.
pub(super) fn auditor(place: Place) -> Shell {
    framed(
        place,
        User {
            name: "Mei Lin".into(),
            id: "mei".to_owned(),
            roles: vec!["auditor".to_owned()],
            method: "one-time link",
            places: Place::ALL.to_vec(),
        },
    )
}

/// The frame as an administrator sees it.
pub(super) fn administrator(place: Place) -> Shell {
    framed(
        place,
        User {
            name: "Priya Nair".into(),
            id: "priya".to_owned(),
            roles: ["admin", "approver", "group:platform"].map(String::from).to_vec(),
            method: "passkey",
            places: Place::ALL.to_vec(),
        },
    )
}

/// The frame of somebody whose very name attacks the page.
pub(super) fn hostile(place: Place) -> Shell {
    framed(
        place,
        User {
            name: HOSTILE.into(),
            id: HOSTILE.chars().filter(char::is_ascii).collect(),
            roles: vec!["group:<b>".to_owned()],
            method: "passkey",
            places: Place::ALL.to_vec(),
        },
    )
}

/// The frame of somebody who is not signed in.
pub(super) fn signed_out() -> Shell {
    Shell::signed_out("sample-token", Moment::clock(now()))
}

fn framed(place: Place, user: User) -> Shell {
    let waiting = if user.roles.iter().any(|role| role == "approver") { Count(3) } else { Count(0) };
    Shell { place, user: Some(user), waiting, ..signed_out() }
}

/// The frame of a page that keeps itself up to date.
pub(super) fn live(mut shell: Shell, topic: &str) -> Shell {
    shell.live = Some(Live { source: format!("/live?topic={topic}"), fragment: format!("/fragments/{topic}") });
    shell
}
