//! The marks: small drawings on a 24 by 24 grid, inline in the page so that they take its colours and need no request.
//!
//! Every mark is decoration beside a word and hidden from screen readers; a mark that stands alone gets its name from the element around it.

use std::fmt;

use askama::filters::HtmlSafe;
use privyseal_core::assessment::Tier;

/// The product's mark, as in `assets/mark.svg`, which browsers also show as the page's icon.
pub const BRAND: &str = include_str!("../../assets/mark.svg");

/// The inside of one drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Svg(&'static str);

impl HtmlSafe for Svg {}

impl fmt::Display for Svg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<svg class="mark" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">{}</svg>"#, self.0)
    }
}

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = $drawing:expr;)*) => {
        $($(#[$doc])* pub const $name: Svg = Svg($drawing);)*
    };
}

marks! {
    /// Requests that wait.
    QUEUE = r#"<path d="M3.5 13.2 6.2 5.6A1 1 0 0 1 7.1 5h9.8a1 1 0 0 1 .9.6l2.7 7.6V18a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 18Z"/><path d="M3.5 13.2h4.7l1.4 2.5h4.8l1.4-2.5h4.7"/>"#;
    /// What was.
    HISTORY = r#"<path d="M4 12a8 8 0 1 0 2.5-5.8"/><path d="M4 4.4V8h3.6M12 7.6V12l3 1.9"/>"#;
    /// Controls.
    CONTROLS = r#"<path d="m3.6 6.2 1.5 1.5 2.7-3M3.6 13l1.5 1.5 2.7-3M3.6 19.4h4"/><path d="M11.5 6.4h9M11.5 13h9M11.5 19.4h9"/>"#;
    /// Evidence packs.
    EVIDENCE = r#"<path d="m12 3 8 4.1v9.8L12 21l-8-4.1V7.1Z"/><path d="m4 7.1 8 4.2 8-4.2M12 11.3V21"/>"#;
    /// SQL.
    SQL = r#"<rect x="3" y="4.5" width="18" height="15" rx="2"/><path d="m7 9.2 2.8 2.6L7 14.4M12.4 15h4.4"/>"#;
    /// The ledger.
    LEDGER = r#"<path d="m12 3.8 8.4 4.1L12 12 3.6 7.9Z"/><path d="m3.6 12 8.4 4.1 8.4-4.1M3.6 16.1l8.4 4.1 8.4-4.1"/>"#;
    /// Policies.
    POLICIES = r#"<path d="M6 3.5h8.6l3.9 3.9v13.1H6Z"/><path d="M14.4 3.7v3.9h3.9M9.2 12.2h6.2M9.2 16h4"/>"#;
    /// People and agents.
    PEOPLE = r#"<circle cx="9" cy="8.3" r="3.3"/><path d="M2.9 19.6c.6-3.8 2.9-5.7 6.1-5.7s5.5 1.9 6.1 5.7M15.4 5.3a3.3 3.3 0 0 1 0 6M17.6 14.5c2 .7 3.1 2.4 3.5 5.1"/>"#;
    /// Further places.
    MORE = r#"<g fill="currentColor" stroke="none"><circle cx="5" cy="12" r="1.7"/><circle cx="12" cy="12" r="1.7"/><circle cx="19" cy="12" r="1.7"/></g>"#;
    /// A person.
    PERSON = r#"<circle cx="12" cy="8" r="3.7"/><path d="M4.8 20.2c.8-4.3 3.5-6.4 7.2-6.4s6.4 2.1 7.2 6.4"/>"#;
    /// An agent: something that acts and has no face.
    AGENT = r#"<rect x="4.2" y="8" width="15.6" height="11.2" rx="3"/><path d="M12 8V4.6M9 12.6v2M15 12.6v2"/><circle cx="12" cy="3.9" r=".9" fill="currentColor"/>"#;
    /// A seal that has been set.
    SEAL = r#"<path fill="currentColor" stroke="none" d="M22.82 12.00C22.86 13.00 22.82 14.18 22.35 15.04C21.88 15.90 20.75 16.52 20.00 17.14C19.26 17.77 18.51 18.10 17.88 18.79C17.26 19.48 16.97 20.64 16.25 21.30C15.52 21.96 14.50 22.58 13.55 22.75C12.59 22.92 11.50 22.53 10.51 22.33C9.53 22.13 8.56 21.92 7.64 21.54C6.73 21.16 5.78 20.68 5.04 20.03C4.30 19.39 3.70 18.51 3.20 17.66C2.70 16.80 2.22 15.87 2.04 14.93C1.86 13.98 1.99 12.94 2.11 12.00C2.23 11.06 2.59 10.25 2.74 9.28C2.89 8.32 2.66 7.16 2.99 6.21C3.32 5.26 3.89 4.13 4.71 3.58C5.52 3.04 6.88 3.11 7.87 2.95C8.86 2.78 9.72 2.77 10.65 2.60C11.58 2.42 12.50 1.93 13.45 1.92C14.39 1.91 15.42 2.18 16.32 2.55C17.21 2.91 18.05 3.51 18.82 4.13C19.59 4.75 20.38 5.45 20.93 6.26C21.48 7.08 21.82 8.07 22.14 9.02C22.45 9.98 22.79 11.00 22.82 12.00Z"/><path class="cut" d="m7.8 12.4 2.9 2.9 5.5-5.9"/>"#;
    /// A seal that is still to be set.
    SEAL_OPEN = r#"<circle cx="12" cy="12" r="9.4" stroke-dasharray="3.3 2.6"/>"#;
    /// Something that is going on.
    PENDING = r#"<circle cx="12" cy="12" r="8.8" stroke-dasharray="3.6 2.6"/><circle cx="12" cy="12" r="2.4" fill="currentColor" stroke="none"/>"#;
    /// Passed, done.
    CHECK = r#"<circle cx="12" cy="12" r="8.8"/><path d="m8.1 12.3 2.7 2.7 5-5.6"/>"#;
    /// Denied, failed.
    DENIED = r#"<circle cx="12" cy="12" r="8.8"/><path d="m8.9 8.9 6.2 6.2M15.1 8.9l-6.2 6.2"/>"#;
    /// Nothing happened.
    DASH = r#"<circle cx="12" cy="12" r="8.8"/><path d="M8.4 12h7.2"/>"#;
    /// Nobody can say.
    QUESTION = r#"<circle cx="12" cy="12" r="8.8" stroke-dasharray="3.6 2.6"/><path d="M9.7 9.8a2.4 2.4 0 1 1 3.4 2.3c-.8.4-1.1.8-1.1 1.6M12 16.4v.1"/>"#;
    /// Look here.
    WARNING = r#"<path d="M12 3.8 21 19.4H3Z"/><path d="M12 9.6v4.4M12 16.7v.1"/>"#;
    /// Could not be run.
    ERROR = r#"<rect x="3.6" y="3.6" width="16.8" height="16.8" rx="3" fill="currentColor"/><path class="cut" d="m8.6 8.6 6.8 6.8M15.4 8.6l-6.8 6.8"/>"#;
    /// Not there.
    NOTHING = r#"<path d="M7 12h10"/>"#;
    /// Time.
    CLOCK = r#"<circle cx="12" cy="12" r="8.8"/><path d="M12 7v5l3.3 2"/>"#;
    /// A passkey.
    KEY = r#"<circle cx="8" cy="12" r="4.4"/><path d="M12.4 12H21v3.4M17 12v2.6"/>"#;
    /// Back.
    BACK = r#"<path d="M19.5 12h-15M10.5 5.5 4 12l6.5 6.5"/>"#;
    /// On, open.
    CHEVRON = r#"<path d="m9.5 5.5 6.5 6.5-6.5 6.5"/>"#;
    /// Down, to a place of this page.
    DOWN = r#"<path d="M12 4.5v15M5.5 13l6.5 6.5 6.5-6.5"/>"#;
    /// Save a file.
    DOWNLOAD = r#"<path d="M12 4v11M6.5 10.2 12 15.7l5.5-5.5M4.5 19.8h15"/>"#;
    /// Search.
    SEARCH = r#"<circle cx="10.8" cy="10.8" r="6.3"/><path d="m15.5 15.5 5 5"/>"#;
    /// A remark.
    INFO = r#"<circle cx="12" cy="12" r="8.8"/><path d="M12 11v5.4M12 7.7v.1"/>"#;
    /// A file.
    FILE = r#"<path d="M6 3.5h8.6l3.9 3.9v13.1H6Z"/><path d="M14.4 3.7v3.9h3.9"/>"#;
    /// A ticket.
    TICKET = r#"<path d="M3.5 8.5v-2h17v2a3.5 3.5 0 0 0 0 7v2h-17v-2a3.5 3.5 0 0 0 0-7Z"/><path d="M14 6.8v2M14 11v2M14 15.2v2"/>"#;
    /// Closed to you.
    LOCK = r#"<rect x="4.8" y="10.5" width="14.4" height="9.7" rx="2"/><path d="M8 10.3V7.8a4 4 0 0 1 8 0v2.5"/>"#;
    /// Leave.
    SIGN_OUT = r#"<path d="M14 4.5H5.5v15H14M10 12h10.5M16.5 7.8l4 4.2-4 4.2"/>"#;
    /// Somebody says so.
    CLAIM = r#"<path d="M4 5h16v11h-9l-4.5 3.8V16H4Z"/>"#;
    /// The same.
    EQUAL = r#"<path d="M5.5 9.2h13M5.5 14.8h13"/>"#;
    /// Not the same.
    UNEQUAL = r#"<path d="M5.5 9.2h13M5.5 14.8h13M16.5 4.5l-9 15"/>"#;
    /// A table.
    TABLE = r#"<rect x="3.5" y="4.5" width="17" height="15" rx="1.6"/><path d="M3.5 9.6h17M9.5 9.6v9.7"/>"#;
    /// A robot may run this: a command line.
    COMMAND = r#"<path d="m5 6.5 6 5.5-6 5.5M12.5 18H20"/>"#;
}

/// The shape of a tier of risk: it grows corners and weight.
#[must_use]
pub fn risk(tier: Tier) -> Svg {
    match tier {
        Tier::Low => Svg(r#"<circle cx="12" cy="12" r="10.4"/>"#),
        Tier::Medium => Svg(r#"<path d="m12 .9 11.1 11.1L12 23.1.9 12Z"/>"#),
        Tier::High => Svg(r#"<path d="M7.4 1.2h9.2l6.2 6.2v9.2l-6.2 6.2H7.4l-6.2-6.2V7.4Z"/>"#),
    }
}
