//! Requests that came to their end, each in its own way.

use super::*;

pub(super) fn run(state: RunState, took: &str, exit_code: Option<i64>) -> Run {
    Run { state, started: Moment::clock(ago(840)), took: took.to_owned(), exit_code, output: exit_code.map(|_| hash("output")) }
}

fn all_set() -> Vec<Seal> {
    vec![set("Ben Carter", "group:dba", 1_500), set("Ana Ruiz", "group:sre", 1_320), set("Tomasz Zieliński", "group:sre", 1_200)]
}

pub(super) fn approved(run: Option<Run>, standing: &str) -> Request {
    let mut timeline = timeline(1_439);
    timeline.extend([
        entry(48_208, "review.recorded", 1_320, ana(), "Approved with a passkey", "good"),
        entry(48_209, "review.recorded", 1_200, tomasz(), "Approved with a passkey", "good"),
        entry(48_210, "request.approved", 1_200, Party::system(), "Every slot is filled by a distinct person", "good"),
        entry(48_211, "grant.issued", 1_200, Party::system(), "One use until 14:01 UTC, for this digest only", "quiet"),
    ]);
    if let Some(run) = &run {
        timeline.push(entry(
            48_220,
            "grant.redeemed",
            840,
            schema_pilot(),
            "The digest of what runs equals the digest that was signed",
            "quiet",
        ));
        let (kind, text, tone) = match run.state {
            RunState::Unknown => ("execution.unknown", "The executor did not come back; nobody can say whether it ran to its end", "warn"),
            _ => ("execution.finished", "Ended with exit code 0", "good"),
        };
        timeline.push(entry(48_221, kind, 799, schema_pilot(), text, tone));
    }
    let ran = run.is_some();
    Request {
        standing: Standing { state: RequestState::Approved, how: How::People },
        asked: Moment::relative(ago(1_683), now()),
        seals: sets(vec![all_set()]),
        left: None,
        decision: Decision::Closed,
        outcome: Some(Outcome {
            at: Moment::minute(ago(1_200)),
            sentence: "Three distinct people filled every slot; none of them is a subject of the request.".into(),
            denied_by: Vec::new(),
            grant: Some(Grant {
                short: "9e41b7aa".to_owned(),
                subject: schema_pilot(),
                times: "once".to_owned(),
                only_on: Untrusted::default(),
                until: Moment::clock(ago(600)),
                standing: standing.to_owned(),
                revoke: None,
                run,
                digests: Digests { asked: digest(), shown: Some(digest()), run: ran.then(digest) },
            }),
        }),
        timeline,
        ..pending()
    }
}

pub(super) fn changed() -> Request {
    let mut request = approved(None, "unused");
    if let Some(grant) = request.outcome.as_mut().and_then(|outcome| outcome.grant.as_mut()) {
        grant.digests.run = Some(hash("something else"));
    }
    request.timeline.push(entry(
        48_222,
        "grant.refused",
        300,
        schema_pilot(),
        "Refused: the file changed after the approval, so the digest is another one",
        "bad",
    ));
    request
}

pub(super) fn automatic() -> Request {
    let mut request = approved(Some(run(RunState::Done, "2 s", Some(0))), "used");
    request.seals = Seals::default();
    request.requirement = "none".to_owned();
    request.risk = Risk::new(0);
    request.factors = Vec::new();
    request.rules =
        vec![Rule { id: "read-staging".to_owned(), approvals: "none".to_owned(), because: "reads in staging go straight through".into() }];
    request.timeline.retain(|entry| !entry.kind.starts_with("review"));
    request.standing.how = How::Automatic;
    if let Some(outcome) = &mut request.outcome {
        outcome.sentence = "Policy asks for nobody’s seal. This is recorded as automatic and never counts as a person.".into();
        if let Some(grant) = &mut outcome.grant {
            grant.digests.shown = None;
        }
    }
    request
}

pub(super) fn breakglass() -> Request {
    let mut request = approved(Some(run(RunState::Running, "", None)), "used");
    request.seals = sets(vec![vec![open("group:security", false, 2)]]);
    request.requirement = "1 of group:security, afterwards".to_owned();
    request.timeline = vec![
        entry(48_230, "breakglass.invoked", 480, tomasz(), "Ran at once: the primary is out of disk and orders are being lost", "bad"),
        entry(48_231, "grant.issued", 480, Party::system(), "One use for 15 min", "quiet"),
    ];
    request.standing.how = How::Breakglass;
    if let Some(outcome) = &mut request.outcome {
        if let Some(grant) = &mut outcome.grant {
            grant.digests.shown = None;
        }
        outcome.sentence = "An open exception until somebody outside the request has reviewed it, due 2026-11-24 14:03 UTC.".into();
    }
    request
}

/// The same, as somebody outside of it sees it who must judge it.
pub(super) fn after_breakglass() -> Request {
    let mut request = breakglass();
    request.decision = Decision::AfterBreakglass(AfterForm {
        action: "/requests/019abf1c/judge".to_owned(),
        due: Left::new(now().plus_seconds(85_900), now()),
    });
    if let Some(grant) = request.outcome.as_mut().and_then(|outcome| outcome.grant.as_mut()) {
        grant.revoke = Some("/grants/9e41b7aa/revoke".to_owned());
    }
    request
}

pub(super) fn ended(state: RequestState, how: How, sentence: &str) -> Request {
    Request {
        standing: Standing { state, how },
        asked: Moment::relative(ago(1_683), now()),
        timeline: timeline(1_439),
        left: None,
        decision: Decision::Closed,
        outcome: Some(Outcome { at: Moment::minute(ago(600)), sentence: sentence.into(), denied_by: Vec::new(), grant: None }),
        ..pending()
    }
}

pub(super) fn denied() -> Request {
    let mut request = ended(RequestState::Denied, How::People, "One denial ends a request under this rule.");
    if let Some(outcome) = &mut request.outcome {
        outcome.denied_by =
            vec![(ana(), "The index is created inside a transaction; CONCURRENTLY will fail there. Split it in two and ask again.".into())];
    }
    request.timeline.push(entry(48_212, "request.denied", 600, Party::system(), "Denied by Ana Ruiz", "bad"));
    request
}

pub(super) fn refused() -> Request {
    Request {
        seals: Seals::default(),
        rules: vec![Rule {
            id: "no-drop-in-freeze".to_owned(),
            approvals: String::new(),
            because: "change freeze until 2026-11-30".into(),
        }],
        ..ended(RequestState::Denied, How::Policy, "A rule forbids it, so nobody was asked: change freeze until 2026-11-30.")
    }
}
