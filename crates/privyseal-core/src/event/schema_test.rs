//! The freeze of schema v1: entries of every kind byte by byte, and a reading of docs/EVENTS.md against the types.
//!
//! You are here because one of these tests failed. If a golden line differs, a change of the types has changed what signed entries
//! mean: undo it. If a line is missing, the schema has grown: append it. If the page and the types disagree, correct the page.

mod page;
mod people;
mod requests;
mod samples;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use self::page::{Page, Row};
use super::{Body, Event, KINDS, Kind};
use crate::digest::Digest;
use crate::id::EventId;

const GOLDEN: &str = include_str!("../../testdata/events-v1.jsonl");
const PAGE: &str = include_str!("../../../../docs/EVENTS.md");

/// How the golden file began at each freeze: its first lines and their digest. Only ever append here.
const FROZEN: &[(usize, &str)] = &[
    (132, "jCd5mFFwX8CVqJBev0hL90e5xCdtR6wcuJJcrIWxkDk"),
    (143, "dAR8DtItlZBVypqm6lTDYaZLFx2cgIW4r9S5kk9Mj3M"),
    (144, "xazvEub-nXs6WdlW3TVSMkI0HI483T_O3tE3IPJexvk"),
    (145, "o6oLciVroPyHhklY_OZ0y7auaxRtgr2lggA_gd8sERc"),
];

/// Nouns whose events always concern a request.
const OF_REQUESTS: &[&str] = &["request", "review", "grant", "execution", "breakglass"];
/// Kinds that concern a request sometimes.
const MAYBE_OF_REQUESTS: &[Kind] = &[Kind::PolicyPublished, Kind::AlertRaised, Kind::NotificationDelivered];

const IDS: [(&str, usize); 5] = [("I", 12), ("D", 19), ("L", 3), ("E", 6), ("M", 8)];

/// An event around a body. Nothing depends on the order of samples, so that new ones can stand anywhere in the code.
fn event(body: Body, full: bool) -> Event {
    let kind = body.kind();
    let noun = kind.name().split('.').next().unwrap_or_default();
    let digest = Digest::of(kind.name().as_bytes());
    let first = kind == Kind::LedgerOpened;
    let concerns_request = OF_REQUESTS.contains(&noun) || (full && MAYBE_OF_REQUESTS.contains(&kind));
    Event {
        seq: if first { 0 } else { 41 },
        id: EventId::new(samples::at(0), digest.as_bytes()[..10].try_into().unwrap()),
        time: samples::at(0),
        log: "log.example.com/privyseal/main".into(),
        prev: (!first).then_some(digest),
        actor: if full { samples::actor() } else { samples::system() },
        request_id: concerns_request.then(samples::request_id),
        body,
    }
}

/// JSON pointers to every member of every object inside, parents first.
fn pointers(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| {
            out.push(format!("{at}/{name}"));
            pointers(inner, &format!("{at}/{name}"), out);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), out)),
        _ => {}
    }
}

/// The body without one member, when the rest reads and writes itself unchanged: the member may be absent.
fn without(kind: Kind, body: &Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    let mut rest = body.clone();
    rest.pointer_mut(parent)?.as_object_mut()?.remove(name)?;
    let read = Body::from_members(kind, rest.as_object()?.clone()).ok()?;
    (Value::Object(read.to_members().ok()?) == rest).then_some(rest)
}

/// The body without anything that may be absent, at any depth.
fn lean(body: &Body) -> Body {
    let mut members = Value::Object(body.to_members().unwrap());
    let mut all = Vec::new();
    pointers(&members, "", &mut all);
    for pointer in all {
        members = without(body.kind(), &members, &pointer).unwrap_or(members);
    }
    Body::from_members(body.kind(), members.as_object().unwrap().clone()).unwrap()
}

fn sample_entries() -> Vec<Vec<u8>> {
    let mut entries: Vec<Vec<u8>> = Vec::new();
    for body in samples::all() {
        for event in [event(body.clone(), true), event(lean(&body), false)] {
            let entry = event.to_entry().unwrap();
            assert_eq!(Event::from_entry(&entry).unwrap(), event, "{} does not survive writing and reading", event.kind().name());
            entries.push(entry);
        }
    }
    entries
}

#[test]
fn every_kind_has_a_sample() {
    let sampled: BTreeSet<Kind> = samples::all().iter().map(Body::kind).collect();
    assert_eq!(sampled, KINDS.iter().copied().collect(), "add a sample in schema_test/samples.rs");
}

#[test]
fn golden_entries_never_change() {
    for (index, line) in GOLDEN.lines().enumerate() {
        let number = index + 1;
        let event = Event::from_entry(line.as_bytes()).unwrap_or_else(|error| {
            panic!("line {number} of testdata/events-v1.jsonl no longer reads: {error}. Never regenerate the file: undo the change of the types")
        });
        let again = String::from_utf8(event.to_entry().unwrap()).unwrap();
        assert_eq!(
            again, line,
            "line {number} of testdata/events-v1.jsonl changed. Never regenerate the file: undo the change of the types"
        );
    }
    for (lines, digest) in FROZEN {
        let head: String = GOLDEN.split_inclusive('\n').take(*lines).collect();
        let found = Digest::of(head.as_bytes()).to_string();
        assert_eq!(
            found, *digest,
            "the first {lines} lines of testdata/events-v1.jsonl were edited. Restore them: the file only ever grows"
        );
    }
    assert_eq!(
        FROZEN.last().unwrap().0,
        GOLDEN.lines().count(),
        "lines were appended to testdata/events-v1.jsonl: append their count and digest to FROZEN, keep the older pairs"
    );
}

#[test]
fn every_sample_is_golden() {
    let golden: BTreeSet<&str> = GOLDEN.lines().collect();
    let entries = sample_entries();
    let missing: Vec<&str> =
        entries.iter().map(|entry| std::str::from_utf8(entry).unwrap()).filter(|entry| !golden.contains(entry)).collect();
    assert!(
        missing.is_empty(),
        "{} entries are not in testdata/events-v1.jsonl. Never regenerate or edit the file. If the schema has grown, append exactly these lines:\n{}",
        missing.len(),
        missing.join("\n")
    );
}

/// Samples show each word of an enumeration at most once; this is all of them.
#[test]
fn words_never_change() {
    use super::execution::{BreakglassOutcome, RunOutcome};
    use super::ledger::KeyPurpose;
    use super::request::{Mechanism, Verdict};
    use super::source::{Feed, IdentityState, InventoryState, StoreOperation, TestOutcome};
    use super::{ActorKind, AuthMethod, Channel};
    use crate::action::InputKind;
    use crate::assessment::{Assurance, Outcome, Tier};
    use serde_json::json;

    for (words, expected) in [
        (json!([ActorKind::Human, ActorKind::Agent, ActorKind::System]), "human agent system"),
        (
            json!([
                Channel::Portal,
                Channel::Api,
                Channel::Cli,
                Channel::Slack,
                Channel::Teams,
                Channel::Mcp,
                Channel::Engine,
                Channel::Postgres,
                Channel::Flight
            ]),
            "portal api cli slack teams mcp engine postgres flight",
        ),
        (
            json!([AuthMethod::Passkey, AuthMethod::Link, AuthMethod::Oidc, AuthMethod::ApiKey, AuthMethod::Local, AuthMethod::Engine]),
            "passkey link oidc api_key local engine",
        ),
        (json!([KeyPurpose::Log, KeyPurpose::Node]), "log node"),
        (
            json!([Mechanism::Automatic, Mechanism::Quorum, Mechanism::Policy, Mechanism::Review, Mechanism::Breakglass]),
            "automatic quorum policy review breakglass",
        ),
        (json!([Verdict::Approve, Verdict::Deny]), "approve deny"),
        (json!([RunOutcome::Succeeded, RunOutcome::Failed]), "succeeded failed"),
        (json!([BreakglassOutcome::Justified, BreakglassOutcome::Unjustified]), "justified unjustified"),
        (
            json!([InputKind::File, InputKind::Tool, InputKind::Environment, InputKind::Definition, InputKind::Test]),
            "file tool environment definition test",
        ),
        (json!([Assurance::Session, Assurance::Passkey]), "session passkey"),
        (json!([Outcome::Route, Outcome::Refuse]), "route refuse"),
        (json!([Tier::Low, Tier::Medium, Tier::High]), "low medium high"),
        (
            json!([Feed::Node, Feed::TargetLog, Feed::IdentityStatus, Feed::TestResult, Feed::Inventory, Feed::StoreAccess]),
            "node target_log identity_status test_result inventory store_access",
        ),
        (json!([IdentityState::Active, IdentityState::Moved, IdentityState::Ended]), "active moved ended"),
        (json!([TestOutcome::Pass, TestOutcome::Fail]), "pass fail"),
        (json!([InventoryState::Approved, InventoryState::Withdrawn]), "approved withdrawn"),
        (json!([StoreOperation::Read, StoreOperation::Write, StoreOperation::Delete, StoreOperation::Alter]), "read write delete alter"),
    ] {
        assert_eq!(words, json!(expected.split(' ').collect::<Vec<_>>()), "a word of the wire changed: undo it");
        for word in expected.split(' ') {
            assert!(PAGE.contains(&format!("`{word}`")), "docs/EVENTS.md does not name the word `{word}`");
        }
    }
    for sample in samples::all() {
        if let Body::SourceObserved(observed) = sample {
            let feed = Value::Object(Body::SourceObserved(observed.clone()).to_members().unwrap())["feed"].clone();
            assert_eq!(feed, json!(observed.observation.feed()), "a fact and its feed have one name");
        }
    }
}

/// Full samples by kind, as JSON objects with all members of the envelope.
fn full() -> BTreeMap<Kind, Vec<Map<String, Value>>> {
    let mut by_kind: BTreeMap<Kind, Vec<Map<String, Value>>> = BTreeMap::new();
    for body in samples::all() {
        let kind = body.kind();
        by_kind.entry(kind).or_default().push(serde_json::from_slice(&event(body, true).to_entry().unwrap()).unwrap());
    }
    by_kind
}

/// Everything found at a dotted path; lists are read item by item.
fn find<'a>(value: &'a Value, path: &str) -> Vec<&'a Value> {
    if let Value::Array(items) = value {
        return items.iter().flat_map(|item| find(item, path)).collect();
    }
    if path.is_empty() {
        return vec![value];
    }
    // A parameter's name has a dot of its own, so a member may match several steps of the path.
    let Value::Object(members) = value else { return Vec::new() };
    members
        .iter()
        .filter_map(|(name, inner)| Some((path.strip_prefix(name.as_str())?, inner)))
        .filter_map(|(rest, inner)| if rest.is_empty() { Some(("", inner)) } else { Some((rest.strip_prefix('.')?, inner)) })
        .flat_map(|(rest, inner)| find(inner, rest))
        .collect()
}

fn body_of(entry: &Map<String, Value>) -> Value {
    entry.get("body").unwrap().clone()
}

/// The members of the objects at a path within the bodies of a kind, each with whether it may be absent.
fn members_at(kind: Kind, path: &str) -> BTreeMap<String, bool> {
    let mut found = BTreeMap::new();
    for body in samples::all().iter().filter(|body| body.kind() == kind) {
        let value = Value::Object(body.to_members().unwrap());
        let mut all = Vec::new();
        pointers(&value, "", &mut all);
        for pointer in all {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            let steps: Vec<&str> = parent.split('/').filter(|step| !step.is_empty() && step.parse::<usize>().is_err()).collect();
            if steps.join(".") == path {
                *found.entry(name.to_owned()).or_insert(false) |= without(kind, &value, &pointer).is_some();
            }
        }
    }
    found
}

/// Compares a table of members with what it describes: the same names, and "never" exactly where a member always stands.
fn check_members(what: &str, rows: &[Row], members: &BTreeMap<String, bool>) {
    let documented: BTreeSet<&str> = rows.iter().map(|row| row.code(0)).collect();
    assert_eq!(documented, members.keys().map(String::as_str).collect(), "docs/EVENTS.md and the types name different members of {what}");
    for row in rows {
        let (member, never) = (row.code(0), row.cell(3) == "never");
        assert_eq!(never, !members[member], "docs/EVENTS.md is wrong about when `{member}` of {what} is absent");
    }
}

#[test]
fn every_kind_is_documented_as_it_is() {
    let page = Page::parse(PAGE);
    let documented: BTreeSet<&str> = page.kinds().collect();
    assert_eq!(documented, KINDS.iter().map(|kind| kind.name()).collect(), "sections of docs/EVENTS.md and the list of kinds differ");
    for kind in KINDS {
        let name = kind.name();
        let section = page.kind(name);
        assert_eq!(section.first_line(), kind.meaning(), "the first sentence about {name} is not Kind::meaning");
        assert_eq!(section.fact("Signed").is_some(), kind.is_signed(), "{name}: signed or not");
        let noun = name.split('.').next().unwrap();
        let request = if OF_REQUESTS.contains(&noun) {
            "always"
        } else if MAYBE_OF_REQUESTS.contains(kind) {
            "when concerned"
        } else {
            "never"
        };
        assert_eq!(section.fact("Request: "), Some(request), "{name}: whether it concerns a request");
        check_members(name, section.members(), &members_at(*kind, ""));

        let lean: Vec<Value> =
            samples::all().iter().filter(|body| body.kind() == *kind).map(|body| Value::Object(lean(body).to_members().unwrap())).collect();
        for (fact, otherwise) in [("Object: ", "the request"), ("Outcome: ", "the kind")] {
            let path = section.fact(fact).unwrap_or_else(|| panic!("{name}: no line with `{fact}`")).trim_matches('`');
            let always_there = lean.iter().all(|body| !find(body, path).is_empty());
            assert!(path == otherwise || always_there, "{name}: `{path}` can be absent and cannot be its {fact}");
        }
    }
}

#[test]
fn shared_objects_are_documented_as_they_are() {
    let page = Page::parse(PAGE);
    let mut checked = BTreeSet::new();
    for (section, kind, path) in [
        ("party", Kind::RequestSubmitted, "requester"),
        ("agent profile", Kind::PrincipalRegistered, "agent"),
        ("claimed model", Kind::RequestSubmitted, "claimed_model"),
        ("resource", Kind::RequestSubmitted, "resource"),
        ("limits", Kind::RequestSubmitted, "limits"),
        ("input", Kind::RequestSubmitted, "inputs"),
        ("assessment", Kind::RequestSubmitted, "assessment"),
        ("escalation", Kind::RequestSubmitted, "assessment.escalation"),
        ("advice", Kind::RequestSubmitted, "assessment.advice"),
        ("factor", Kind::RequestSubmitted, "assessment.factors"),
        ("determining rule", Kind::RequestSubmitted, "assessment.determining"),
        ("policy version", Kind::RequestSubmitted, "assessment.policy"),
        ("filled slot", Kind::RequestApproved, "slots"),
        ("review statement", Kind::ReviewRecorded, "statement"),
        ("judgement statement", Kind::BreakglassReviewed, "statement"),
        ("passkey signature", Kind::ReviewRecorded, "assertion"),
        ("artefact", Kind::ExecutionStarted, "artefacts"),
        ("file", Kind::PolicyPublished, "files"),
        ("snapshot", Kind::AssertionEvaluated, "snapshot"),
    ] {
        check_members(section, page.object(section), &members_at(kind, path));
        checked.insert(section);
    }
    let entry = |full: bool| -> Value {
        let body = samples::all().into_iter().find(|body| body.kind() == Kind::AlertRaised).unwrap();
        serde_json::from_slice(&event(body, full).to_entry().unwrap()).unwrap()
    };
    let (rich, poor) = (entry(true), entry(false));
    for (section, rows, path) in [
        ("actor", page.object("actor"), "/actor"),
        ("auth", page.object("auth"), "/actor/auth"),
        ("the envelope", page.rows("Envelope"), ""),
    ] {
        let may_be_absent = |member: &String| poor.pointer(path).unwrap().get(member).is_none();
        let members = rich.pointer(path).unwrap().as_object().unwrap();
        check_members(section, rows, &members.keys().map(|member| (member.clone(), may_be_absent(member))).collect());
        checked.insert(section);
    }
    checked.remove("the envelope");
    assert_eq!(checked, page.objects().collect(), "a shared object of docs/EVENTS.md is not compared with the types");
}

/// What a path of the page must lead to.
fn resolve(path: &str, full: &BTreeMap<Kind, Vec<Map<String, Value>>>, tables: &BTreeSet<String>) -> Result<(), String> {
    if path.starts_with("ledger:") {
        return if tables.contains(path) { Ok(()) } else { Err(format!("`{path}` is not in the table of what the ledger supplies")) };
    }
    let entries: Vec<Value> = full.values().flatten().cloned().map(Value::Object).collect();
    if let Some(member) = path.strip_prefix("*.") {
        let found = !member.starts_with("body") && entries.iter().any(|entry| !find(entry, member).is_empty());
        return if found { Ok(()) } else { Err(format!("the envelope has no member `{member}`")) };
    }
    let kind = KINDS
        .iter()
        .find(|kind| path == kind.name() || path.strip_prefix(kind.name()).is_some_and(|rest| rest.starts_with('.')))
        .ok_or_else(|| format!("`{path}` does not begin with a kind"))?;
    let member = path.strip_prefix(kind.name()).unwrap_or_default().trim_start_matches('.');
    let found = full[kind].iter().any(|entry| !find(&body_of(entry), member).is_empty());
    if found { Ok(()) } else { Err(format!("`{}` has no member `{member}`", kind.name())) }
}

#[test]
fn every_path_that_a_test_reads_exists() {
    let page = Page::parse(PAGE);
    let full = full();
    let tables: BTreeSet<String> = page.rows("Beside the events").iter().map(|row| format!("{}.{}", row.code(0), row.code(1))).collect();
    let tests = page.rows("What each control test reads");

    let expected: Vec<String> =
        IDS.iter().flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}{number:02}"))).collect();
    let found: Vec<&str> = tests.iter().map(|row| row.cell(0).split(' ').next().unwrap()).collect();
    assert_eq!(found, expected, "one row for each of the 48 control tests, in order");

    let mut problems = Vec::new();
    for (row, columns) in
        tests.iter().map(|row| (row, vec![1, 2, 3])).chain(page.rows("As of a moment").iter().map(|row| (row, vec![1, 2, 3])))
    {
        for path in columns.iter().flat_map(|column| row.paths(*column)) {
            if let Err(problem) = resolve(&path, &full, &tables) {
                problems.push(format!("{}: {problem}", row.cell(0)));
            }
        }
        if row.paths(1).is_empty() && row.paths(2).is_empty() {
            problems.push(format!("{}: reads nothing", row.cell(0)));
        }
    }
    assert!(problems.is_empty(), "docs/EVENTS.md names what the types do not have:\n{}", problems.join("\n"));
}

#[test]
fn a_path_that_does_not_exist_is_noticed() {
    let tables = BTreeSet::from(["ledger:entries.leaf".to_owned()]);
    for (path, expected) in [
        ("request.submitted.subjects", Ok(())),
        ("request.submitted.requester.person", Ok(())),
        ("source.observed.record.environment", Ok(())),
        ("heartbeat.node", Ok(())),
        ("request.withdrawn", Ok(())),
        ("*.actor.auth.credential", Ok(())),
        ("*.body.reason", Err("the envelope has no member `body.reason`")),
        ("*.node", Err("the envelope has no member `node`")),
        ("request.submitted.subject", Err("`request.submitted` has no member `subject`")),
        ("request.submitted.requester.name", Err("`request.submitted` has no member `requester.name`")),
        ("request.cancelled", Err("`request.cancelled` does not begin with a kind")),
        ("ledger:entries.leaf", Ok(())),
        ("ledger:entries.hash", Err("`ledger:entries.hash` is not in the table of what the ledger supplies")),
    ] {
        assert_eq!(resolve(path, &full(), &tables), expected.map_err(str::to_owned), "{path}");
    }
}
