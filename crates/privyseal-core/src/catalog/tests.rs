//! The real catalogs are whole, and say the same as docs/EVENTS.md. Damaged ones are in `damage`.

mod damage;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::{AssertionGroup, Catalogs, Framework};
use crate::digest::Digest;
use crate::finding::Strength;
use crate::port::ContentSource;

/// The repository itself as content.
struct Repository(PathBuf);

impl Repository {
    fn here() -> Self {
        Self(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    fn collect(&self, folder: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                self.collect(&path, out);
            } else {
                out.push(path.strip_prefix(&self.0).unwrap().to_str().unwrap().replace('\\', "/"));
            }
        }
    }
}

impl ContentSource for Repository {
    fn read(&self, path: &str) -> Option<Cow<'_, str>> {
        std::fs::read_to_string(self.0.join(path)).ok().map(Cow::Owned)
    }

    fn list(&self, prefix: &str) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(&self.0.join(prefix), &mut paths);
        paths.sort();
        paths
    }
}

fn real() -> Catalogs {
    let (catalogs, problems) = Catalogs::load(&Repository::here());
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    catalogs
}

fn mapped(framework: &Framework) -> usize {
    framework.controls.iter().filter(|control| control.mapping.is_some()).count()
}

/// Where the numbers come from: SOC 2, the 2017 criteria; ISO, Annex A of the 2022 edition and the clauses of our map; NIST, active
/// controls and enhancements of release 5.2.0; FedRAMP, the Rev. 5 profiles fedramp2.1.0. The mapped ones are counted in our
/// research of what these events can evidence, table "Controls this ledger can evidence".
#[test]
fn the_catalogs_are_whole() {
    let catalogs = real();
    let found: Vec<(&str, usize, usize)> =
        catalogs.frameworks().iter().map(|framework| (framework.id.as_str(), framework.controls.len(), mapped(framework))).collect();
    assert_eq!(
        found,
        [
            ("fedramp-high", 410, 83),
            ("fedramp-li-saas", 156, 38),
            ("fedramp-low", 156, 38),
            ("fedramp-moderate", 323, 73),
            ("iso27001", 93 + 6, 41 + 6),
            ("nist-800-53", 1014, 101),
            ("soc2", 61, 38),
        ]
    );
    for (framework, prefix, count) in [
        ("soc2", "CC", 33),
        ("soc2", "A1.", 3),
        ("soc2", "C1.", 2),
        ("soc2", "PI", 5),
        ("soc2", "P", 18 + 5),
        ("iso27001", "A.5.", 37),
        ("iso27001", "A.6.", 8),
        ("iso27001", "A.7.", 14),
        ("iso27001", "A.8.", 34),
    ] {
        let controls = &catalogs.framework(framework).unwrap().controls;
        assert_eq!(controls.iter().filter(|control| control.id.starts_with(prefix)).count(), count, "{framework} {prefix}");
    }
}

#[test]
fn a_control_has_its_title_group_and_map() {
    let catalogs = real();
    for (framework, control, title, group, mapping) in [
        (
            "soc2",
            "CC6.3",
            "Access modification, least privilege and segregation of duties",
            "CC6 Logical and physical access",
            Some((Strength::Direct, "D01 D04 D10 D17 L01")),
        ),
        ("soc2", "CC1.1", "Integrity and ethical values", "CC1 Control environment", None),
        ("iso27001", "A.8.17", "Clock synchronization", "A.8 Technological controls", Some((Strength::Direct, "I06"))),
        ("iso27001", "10.2", "Nonconformity and corrective action", "Clauses", Some((Strength::Partial, "M03"))),
        ("fedramp-moderate", "AC-5", "Separation of Duties", "AC Access Control", Some((Strength::Direct, "D01 D17 D18"))),
        (
            "nist-800-53",
            "CA-7(4)",
            "Risk Monitoring",
            "CA Assessment, Authorization, and Monitoring",
            Some((Strength::Supporting, "M04 D19")),
        ),
    ] {
        let found = catalogs.framework(framework).unwrap().control(control).unwrap_or_else(|| panic!("{framework} {control}"));
        let found_mapping = found.mapping.as_ref().map(|mapping| (mapping.strength, mapping.assertions.join(" ")));
        assert_eq!((found.title.as_str(), found.group.as_str()), (title, group), "{framework} {control}");
        assert_eq!(found_mapping, mapping.map(|(strength, assertions)| (strength, assertions.to_owned())), "{framework} {control}");
    }
    assert!(catalogs.framework("fedramp-moderate").unwrap().control("AC-3(2)").is_none(), "dual authorization is in no baseline");
    assert!(catalogs.framework("soc3").is_none());
}

#[test]
fn there_are_48_control_tests() {
    let catalogs = real();
    let in_group = |group| catalogs.assertions().iter().filter(|assertion| assertion.group == group).count();
    assert_eq!(AssertionGroup::ALL.map(in_group), [12, 19, 3, 6, 8]);
    let outside: Vec<&str> =
        catalogs.assertions().iter().filter(|assertion| assertion.feed.is_some()).map(|assertion| assertion.id.as_str()).collect();
    assert_eq!(outside, ["I05", "L02", "E03", "E04"], "the other 44 need only the engine's own events");
    let used: BTreeSet<&String> = catalogs
        .frameworks()
        .iter()
        .flat_map(|framework| &framework.controls)
        .filter_map(|control| control.mapping.as_ref())
        .flat_map(|mapping| &mapping.assertions)
        .collect();
    let unused: Vec<&str> =
        catalogs.assertions().iter().map(|assertion| assertion.id.as_str()).filter(|id| !used.contains(&(*id).to_owned())).collect();
    assert_eq!(unused, ["D05"], "that a human decided is asked for by ISO/IEC 42001, which is not here yet");
}

/// The page and the definitions say the same: title and parameters of each test, in `docs/EVENTS.md` column "Parameters".
#[test]
fn the_events_page_names_the_same_tests_and_parameters() {
    let page = include_str!("../../../../docs/EVENTS.md");
    for assertion in real().assertions() {
        let start = format!("| {} {} |", assertion.id, assertion.title);
        let row = page.lines().find(|line| line.starts_with(&start)).unwrap_or_else(|| panic!("docs/EVENTS.md has no row `{start}`"));
        let cell = row.split('|').nth(5).unwrap();
        let documented: toml::Table = toml::from_str(&cell.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("\n")).unwrap();
        let defined: BTreeMap<&str, _> =
            assertion.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.default.clone())).collect();
        assert_eq!(json!(documented), json!(defined), "parameters of {}: docs/EVENTS.md against controls/assertions.toml", assertion.id);
    }
}

#[test]
fn the_digest_is_what_sha256sum_prints() {
    let (catalogs, repository) = (real(), Repository::here());
    let list = |paths: &[&str]| {
        let line = |path: &&str| format!("{}  {path}\n", Digest::of(repository.read(path).unwrap().as_bytes()).hex());
        Digest::of(paths.iter().map(line).collect::<String>().as_bytes())
    };
    let nist = ["controls/nist-800-53/catalog.toml", "controls/nist-800-53/controls.csv", "controls/nist-800-53/map.csv"];
    let own = ["controls/fedramp-moderate/catalog.toml", "controls/fedramp-moderate/members.csv"];
    assert_eq!(catalogs.framework("nist-800-53").unwrap().digest, list(&nist));
    assert_eq!(catalogs.framework("fedramp-moderate").unwrap().digest, list(&[own.as_slice(), &nist].concat()));
}

#[test]
fn policy_parameters_override_defaults_of_the_same_type() {
    let catalogs = real();
    let policy = serde_json::from_value(json!({
        "D13.min_chars": 40, "D13.max_repeats": "many", "D13.ticket_change_classes": ["schema"], "D13.min_words": 3, "D99.x": 1, "plain": 1,
        "L01.review_days": -1,
    }))
    .unwrap();
    let effective = catalogs.assertion("D13").unwrap().parameters_under(&policy);
    let expected = json!({"max_repeats": 5, "min_chars": 40, "ticket_change_classes": ["schema"], "ticket_pattern": ""});
    assert_eq!(serde_json::Value::Object(effective), expected);
    let problems: Vec<String> = catalogs.check_parameters(&policy).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "policy parameters: `D13.max_repeats` is an integer from 0: write for example 5",
            "policy parameters: no control test has a parameter `D13.min_words`",
            "policy parameters: no control test has a parameter `D99.x`",
            "policy parameters: `L01.review_days` is an integer from 0: write for example 90",
            "policy parameters: no control test has a parameter `plain`",
        ]
    );
}
