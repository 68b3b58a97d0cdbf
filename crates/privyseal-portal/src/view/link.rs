//! Links that lead out of the portal. Everything else that a page links to is a path that a handler wrote.

/// An address on the web that is safe to put behind a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebLink(String);

impl WebLink {
    /// Takes an `https` address; `None` for every other scheme and for texts that are no address.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Option<Self> {
        let address = address.into();
        let printable = address.bytes().all(|byte| byte.is_ascii_graphic());
        let host = address.strip_prefix("https://").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric()));
        (printable && host).then_some(Self(address))
    }

    /// The address.
    #[must_use]
    pub fn href(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        for (address, good) in [
            ("https://tickets.halden.example/CHG-4711", true),
            ("http://tickets.halden.example/", false),
            ("javascript:alert(1)", false),
            (" https://a.example", false),
            ("https://", false),
            ("https:///etc", false),
            ("https://a.example/\u{202e}", false),
            ("//a.example", false),
        ] {
            assert_eq!(WebLink::new(address).is_some(), good, "{address}");
        }
    }
}
