//! The policies to begin with, `controls/policies/*`: each loads, passes its own table, tests every rule it has, and asks for two
//! people when the risk is high.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use privyseal_core::assessment::{Outcome, Tier};
use privyseal_core::requirement::Candidate;
use privyseal_policy::{Policy, PolicyFile, is_policy_file, test};

const FOLDER: &str = "../../controls/policies";
/// Files that say the same in every folder.
const SHARED: [&str; 2] = ["privyseal.cedar", "requester.cedar"];

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let entries = std::fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{}/{name}: {error}", folder.display()))
}

/// The policy of a folder and its table of tests.
fn load(folder: &Path) -> (Policy, String) {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let files = names.filter(|name| is_policy_file(name)).map(|name| PolicyFile { text: read(folder, &name), name }).collect();
    let policy = Policy::load(files).unwrap_or_else(|problems| panic!("{}:\n{problems}", folder.display()));
    (policy, read(folder, "tests.toml"))
}

#[test]
fn there_is_one_for_each_trade() {
    let names: Vec<String> = folders().iter().map(|folder| folder.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["ci-deployments", "cloud-iam", "data-exports", "databases", "kubernetes"]);
    for (folder, name) in folders().iter().zip(&names) {
        let page = read(folder, "README.md");
        assert!(page.contains(&format!("privyseal init --policy controls/policies/{name}")), "{name}: the page says how to begin");
        let groups: Vec<String> = groups_of(&load(folder).0);
        for group in groups {
            assert!(page.contains(&format!("`{group}`")), "{name}: the page does not name {group}, whom the rules ask");
        }
    }
}

/// Every group that a requirement or a fallback names.
fn groups_of(policy: &Policy) -> Vec<String> {
    let text: String = policy.rules().iter().map(|rule| rule.text.as_str()).collect();
    let after = text.split("group:").skip(1);
    let mut groups: Vec<String> = after.map(|rest| rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect()).collect();
    groups.sort();
    groups.dedup();
    groups.into_iter().map(|name| format!("group:{name}")).collect()
}

#[test]
fn their_tables_pass_and_test_every_rule() {
    for folder in folders() {
        let (policy, table) = load(&folder);
        let results = test::run(&policy, &table).unwrap_or_else(|problems| panic!("{}:\n{problems}", folder.display()));
        let mut failed = Vec::new();
        for case in &results {
            let got = &case.assessed.assessment;
            let factors: Vec<String> = got.factors.iter().map(|factor| format!("{} {}", factor.points, factor.rule)).collect();
            for mismatch in &case.mismatches {
                failed.push(format!(
                    "{}/tests.toml:{}: {}: {} expected `{}`, got `{}`; factors {factors:?}",
                    folder.display(),
                    case.line,
                    case.name,
                    mismatch.what,
                    mismatch.expected,
                    mismatch.got
                ));
            }
        }
        assert!(failed.is_empty(), "{}", failed.join("\n"));
        assert_eq!(test::untested(&policy, &results), Vec::<&str>::new(), "{}: rules that no case hits", folder.display());
    }
}

/// Every case again, with an advisor who takes it for as risky as can be: whatever comes through then takes two people, also once it
/// has waited.
#[test]
fn high_risk_takes_two_people_everywhere() {
    for folder in folders() {
        let (policy, table) = load(&folder);
        let mut table: toml::Table = toml::from_str(&table).unwrap();
        for case in table["case"].as_array_mut().unwrap() {
            case.as_table_mut().unwrap().insert("advice".to_owned(), toml::Value::Integer(100));
        }
        let results = test::run(&policy, &table.to_string()).unwrap_or_else(|problems| panic!("{}:\n{problems}", folder.display()));
        let routed: Vec<_> = results.iter().filter(|case| case.assessed.assessment.outcome == Outcome::Route).collect();
        assert!(routed.len() > 10, "{}", folder.display());
        for case in routed {
            let got = &case.assessed.assessment;
            assert_eq!(got.tier, Tier::High);
            let after_waiting = got.escalation.as_ref().map_or(2, |escalation| escalation.persons_required);
            assert!(got.persons_required >= 2 && after_waiting >= 2, "{}: {}: {}", folder.display(), case.name, got.requirement);
        }
    }
}

/// Three people with the groups that `privyseal init` gives its first administrator can satisfy every rule: who is on call stands in,
/// and is needed by none.
#[test]
fn three_people_can_satisfy_every_rule() {
    let groups = ["group:engineering", "group:sre", "group:dba", "group:security", "group:data-owner"];
    let roles: BTreeSet<_> = groups.iter().map(|group| group.parse().unwrap()).collect();
    let people = ["ana", "ben", "cyd"].map(|name| Candidate {
        person: name.parse().unwrap(),
        principal: name.parse().unwrap(),
        roles: roles.clone(),
    });
    for folder in folders() {
        let (policy, _) = load(&folder);
        let ids: Vec<&str> = policy.unsatisfiable(&people).iter().map(|rule| rule.id.as_str()).collect();
        assert!(ids.is_empty(), "{}: {ids:?}", folder.display());
    }
}

/// What stands in several folders is the same in all, so that whoever has read it once has read it.
#[test]
fn shared_files_do_not_drift() {
    for name in SHARED {
        let texts: BTreeMap<String, PathBuf> = folders().into_iter().map(|folder| (read(&folder, name), folder)).collect();
        assert_eq!(texts.len(), 1, "{name} differs between {:?}", texts.values());
    }
}

/// Requests that nobody answers are what a policy is judged by at night: each folder reminds and escalates somewhere.
#[test]
fn every_folder_reminds_and_escalates() {
    for folder in folders() {
        let (policy, _) = load(&folder);
        for annotation in ["@remind(", "@escalate(", "@uses("] {
            assert!(policy.rules().iter().any(|rule| rule.text.contains(annotation)), "{} has no {annotation}", folder.display());
        }
    }
}
