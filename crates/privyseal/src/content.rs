//! What is embedded: control catalogs, the default policy, views and control tests. In debug builds it is read from the repository.

use std::borrow::Cow;

use privyseal_core::port::ContentSource;
use privyseal_policy::PolicyFile;
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "../../controls"]
struct Controls;

#[derive(RustEmbed)]
#[folder = "../../queries"]
struct Queries;

/// The embedded content, as paths from the top of the repository.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Embedded;

impl Embedded {
    fn bytes(path: &str) -> Option<Cow<'static, [u8]>> {
        let (folder, rest) = path.split_once('/')?;
        match folder {
            "controls" => Controls::get(rest),
            "queries" => Queries::get(rest),
            _ => None,
        }
        .map(|file| file.data)
    }
}

impl ContentSource for Embedded {
    fn read(&self, path: &str) -> Option<Cow<'_, str>> {
        match Self::bytes(path)? {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        }
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        let controls = Controls::iter().map(|path| format!("controls/{path}"));
        let queries = Queries::iter().map(|path| format!("queries/{path}"));
        let mut paths: Vec<String> = controls.chain(queries).filter(|path| path.starts_with(prefix)).collect();
        paths.sort();
        paths
    }
}

/// The files of the built-in policy.
#[must_use]
pub(crate) fn default_policy() -> Vec<PolicyFile> {
    policy_files(&Embedded, "controls/policy/")
}

/// The files of a policy in a content source: rules and catalogue, not its tests.
#[must_use]
pub(crate) fn policy_files(content: &dyn ContentSource, prefix: &str) -> Vec<PolicyFile> {
    let paths = content.list(prefix).into_iter();
    paths
        .filter(|path| path.ends_with(".cedar") || path.ends_with("/catalogue.toml"))
        .filter_map(|path| {
            let name = path.rsplit('/').next()?.to_owned();
            Some(PolicyFile { name, text: content.read(&path)?.into_owned() })
        })
        .collect()
}
