//! Assets: found by name, tagged by content, served under the right type.

use privyseal_core::digest::Digest;

use super::{CONTENT_POLICY, get, names, url};

#[test]
fn every_file_has_a_type_and_a_tag_of_its_content() {
    let mut names = names();
    names.sort();
    assert_eq!(names, ["keys.js", "live.js", "mark.svg", "passkey.js", "portal.css", "sql.js"]);
    for name in names {
        let asset = get(&name).unwrap();
        assert!(!asset.bytes.is_empty());
        assert_ne!(asset.content_type, "application/octet-stream", "{name}");
        assert!(Digest::of(&asset.bytes).hex().starts_with(&asset.tag), "{name}");
        assert_eq!(url(&name), format!("/assets/{name}?v={}", asset.tag));
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    for name in ["", "nothing.js", "../Cargo.toml", "/etc/passwd"] {
        assert_eq!(get(name), None, "{name}");
    }
}

#[test]
fn the_policy_allows_our_own_files_and_nothing_inline() {
    for part in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"]
    {
        assert!(CONTENT_POLICY.split("; ").any(|found| found.trim() == part), "{part}");
    }
    assert!(!CONTENT_POLICY.contains("unsafe"));
}
