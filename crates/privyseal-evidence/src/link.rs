//! Where a link of a report may lead, and how its address is written.
//!
//! A report holds text from requests, so a link is only a link when it leads to a heading of the report, into the pack, or to the web.
//! Everything else stays text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A heading of this report.
    Anchor(String),
    /// A file of the pack or a page of the web: an address in ASCII, percent-encoded.
    Address(String),
}

/// The target of `href`; none when it may not be followed.
pub(crate) fn target(href: &str, anchors: &BTreeSet<String>) -> Option<Target> {
    if let Some(anchor) = href.strip_prefix('#') {
        return anchors.contains(anchor).then(|| Target::Anchor(anchor.to_owned()));
    }
    let followed = match scheme(href) {
        Some(scheme) => matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "mailto"),
        None => !href.is_empty() && !href.starts_with(['/', '\\', '?']),
    };
    followed.then(|| Target::Address(encoded(href)))
}

/// What stands before the first colon, unless a path has begun by then.
fn scheme(href: &str) -> Option<&str> {
    let (before, _) = href.split_once(':')?;
    (!before.contains(['/', '?', '#'])).then_some(before)
}

fn encoded(href: &str) -> String {
    let mut address = String::with_capacity(href.len());
    for byte in href.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte) {
            address.push(char::from(byte));
        } else {
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headings_pack_files_and_the_web_are_followed() {
        let anchors = BTreeSet::from(["scope".to_owned()]);
        let address = |text: &str| Some(Target::Address(text.to_owned()));
        for (href, expected) in [
            ("#scope", Some(Target::Anchor("scope".into()))),
            ("#elsewhere", None),
            ("queries/D02.sql", address("queries/D02.sql")),
            ("../a b/ż.csv", address("../a%20b/%C5%BC.csv")),
            ("https://example.org/?q=1#x", address("https://example.org/?q=1#x")),
            ("MAILTO:a@example.org", address("MAILTO:a@example.org")),
            ("javascript:alert(1)", None),
            ("java\nscript:alert(1)", None),
            (" javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
            ("//example.org/x", None),
            ("/etc/passwd", None),
            ("\\\\host\\share", None),
            ("a/b:c", address("a/b:c")),
            ("", None),
        ] {
            assert_eq!(target(href, &anchors), expected, "{href:?}");
        }
    }
}
