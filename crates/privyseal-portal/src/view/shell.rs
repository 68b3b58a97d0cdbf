//! The frame around every page: navigation, who is signed in, what the page says about itself.

use super::mark::{self, Svg};
use super::moment::Moment;
use super::number::Count;
use super::text::Untrusted;
use crate::asset;

/// The frame. Every page struct has one as its member `shell`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shell {
    /// Which place of the navigation the page belongs to.
    pub place: Place,
    /// Who is signed in; without one the page has no navigation.
    pub user: Option<User>,
    /// Token that every form sends back as `csrf`, and every script as the header `x-csrf-token`.
    pub csrf: String,
    /// The server's time when it wrote the page: scripts count down from it, not from the browser's clock.
    pub now: Moment,
    /// Requests that this user can decide now, shown beside the queue.
    pub waiting: Count,
    /// Where the page learns that it is out of date.
    pub live: Option<Live>,
    /// What just happened, after a redirect.
    pub notice: Option<Notice>,
    /// Kill switches that are engaged, a sentence for each.
    pub halted: Vec<Untrusted>,
}

/// A source of changes and where to fetch what changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// URL of a server-sent event stream. Any event named `changed` makes the page fetch `fragment`.
    pub source: String,
    /// URL of a fragment: elements with ids, each of which replaces the page's element of the same id unless both carry the same
    /// `data-version`.
    pub fragment: String,
}

/// One sentence about what just happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whether it went wrong.
    pub failed: bool,
    /// The sentence.
    pub text: Untrusted,
    /// Where to go on: path and label.
    pub next: Option<(&'static str, &'static str)>,
}

/// The person who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name for people.
    pub name: Untrusted,
    /// The principal's id.
    pub id: String,
    /// Roles and groups held now, as recorded: `approver`, `group:sre`.
    pub roles: Vec<String>,
    /// How they signed in, for example `passkey` or `one-time link`.
    pub method: &'static str,
    /// Places they may open, in any order.
    pub places: Vec<Place>,
}

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the meaning")]
pub enum Place {
    Queue,
    History,
    Controls,
    Evidence,
    Sql,
    Ledger,
    Policies,
    People,
    /// Pages outside the navigation: sign-in, settings, errors.
    Elsewhere,
}

impl Place {
    /// Every place of the navigation, in its order.
    pub const ALL: [Place; 8] =
        [Place::Queue, Place::History, Place::Controls, Place::Evidence, Place::Sql, Place::Ledger, Place::Policies, Place::People];

    /// Where it is.
    #[must_use]
    pub fn href(self) -> &'static str {
        match self {
            Place::Queue | Place::Elsewhere => "/",
            Place::History => "/history",
            Place::Controls => "/controls",
            Place::Evidence => "/evidence",
            Place::Sql => "/sql",
            Place::Ledger => "/ledger",
            Place::Policies => "/policies",
            Place::People => "/people",
        }
    }

    /// Its name.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Place::Queue => "Queue",
            Place::History => "History",
            Place::Controls => "Controls",
            Place::Evidence => "Evidence",
            Place::Sql => "SQL",
            Place::Ledger => "Ledger",
            Place::Policies => "Policies",
            Place::People => "People",
            Place::Elsewhere => "Privyseal",
        }
    }

    /// Its mark.
    #[must_use]
    pub fn mark(self) -> Svg {
        match self {
            Place::Queue => mark::QUEUE,
            Place::History => mark::HISTORY,
            Place::Controls => mark::CONTROLS,
            Place::Evidence => mark::EVIDENCE,
            Place::Sql => mark::SQL,
            Place::Ledger => mark::LEDGER,
            Place::Policies => mark::POLICIES,
            Place::People => mark::PEOPLE,
            Place::Elsewhere => mark::SEAL,
        }
    }
}

/// One line of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NavItem {
    /// Where it leads.
    pub place: Place,
    /// Whether the page belongs to it.
    pub current: bool,
    /// Things that wait there; zero is not shown.
    pub waiting: Count,
}

/// A titled part of the navigation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NavGroup {
    /// Its title.
    pub title: &'static str,
    /// Its lines.
    pub items: Vec<NavItem>,
}

impl Shell {
    /// The frame of a page for somebody who is not signed in.
    #[must_use]
    pub fn signed_out(csrf: impl Into<String>, now: Moment) -> Self {
        Self {
            place: Place::Elsewhere,
            user: None,
            csrf: csrf.into(),
            now,
            waiting: Count(0),
            live: None,
            notice: None,
            halted: Vec::new(),
        }
    }

    fn items(&self, places: &[Place]) -> Vec<NavItem> {
        let may = |place: Place| self.user.as_ref().is_some_and(|user| user.places.contains(&place));
        places
            .iter()
            .copied()
            .filter(|place| may(*place))
            .map(|place| NavItem {
                place,
                current: place == self.place,
                waiting: if place == Place::Queue { self.waiting } else { Count(0) },
            })
            .collect()
    }

    /// The navigation of a wide page: three parts, without the ones in which this user may open nothing.
    pub(crate) fn groups(&self) -> Vec<NavGroup> {
        [
            ("Decide", &[Place::Queue, Place::History][..]),
            ("Assure", &[Place::Controls, Place::Evidence, Place::Sql][..]),
            ("Trust", &[Place::Ledger, Place::Policies, Place::People][..]),
        ]
        .into_iter()
        .map(|(title, places)| NavGroup { title, items: self.items(places) })
        .filter(|group| !group.items.is_empty())
        .collect()
    }

    /// What stands in the bar of a narrow page.
    pub(crate) fn bar(&self) -> Vec<NavItem> {
        self.items(&Place::ALL).into_iter().take(4).collect()
    }

    /// What stands behind "More" of a narrow page.
    pub(crate) fn rest(&self) -> Vec<NavItem> {
        self.items(&Place::ALL).into_iter().skip(4).collect()
    }

    /// Where an asset is.
    pub(crate) fn asset(&self, name: &str) -> String {
        asset::url(name)
    }
}
