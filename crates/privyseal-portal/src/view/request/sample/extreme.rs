//! Requests that attack the page, and requests that are very long.

use super::*;

pub(super) fn attacked() -> Request {
    let mut request = pending();
    request.asker = Asker {
        party: Party::agent(HOSTILE, "agent:<img>"),
        program: Some(HOSTILE.into()),
        owner: Some(Party::person(HOSTILE, "\"onload=x")),
        on_behalf_of: Some(Party::person(HOSTILE, "x")),
        chain: vec![Party::agent(HOSTILE, "x")],
        channel: "MCP",
    };
    request.action.resource_id = HOSTILE.into();
    request.action.environment = Environment::new(Some(HOSTILE));
    request.action.reversibility = Reversibility::of("<b>");
    request.action.command = Some(Code::new(Language::Shell, format!("psql -c 'SELECT 1'{}; rm -rf /srv # {HOSTILE}", " ".repeat(400))));
    request.action.parameters = vec![Parameter { path: HOSTILE.into(), value: Code::new(Language::Json, format!("{HOSTILE:?}")) }];
    request.action.canonical = Code::new(Language::Json, HOSTILE);
    request.action.inputs = vec![Input {
        kind: "file",
        name: HOSTILE.into(),
        digest: hash("x"),
        size: Bytes(1_204),
        content: InputContent::Text(Code::new(
            Language::Sql,
            format!("/*\u{202e} }} \u{2066}if (admin)\u{2069} \u{2066} begin admins only */\nDROP TABLE orders; -- {HOSTILE}\r\u{1b}[2K\n"),
        )),
    }];
    request.action.deceptive = Count(9);
    request.why = Why { justification: HOSTILE.into(), repeats: Count(41), ticket: Some((HOSTILE.into(), None)) };
    request.factors = vec![factor(100, HOSTILE, "r-hostile", true)];
    request.risk = Risk::new(100);
    request.missing = vec!["rows_affected".to_owned()];
    request.facts = vec![
        Fact { name: "Environment".to_owned(), value: HOSTILE.into(), derived: true },
        Fact { name: "resource.attributes.<b>".to_owned(), value: HOSTILE.into(), derived: false },
    ];
    request.rules = vec![Rule { id: "x".to_owned(), approvals: "1 of group:sre".to_owned(), because: HOSTILE.into() }];
    request.seals = sets(vec![vec![set(HOSTILE, "group:sre", 9), open("group:<b>", true, 0)]]);
    request.decision = Decision::Open(DecisionForm { if_approved: HOSTILE.into(), if_denied: HOSTILE.into(), ..form(true) });
    request.terms = vec![Term { name: "Only on", value: HOSTILE.into(), href: Some("/requests/x".to_owned()) }];
    let parameter = |place, less| NarrowParameter { place, name: HOSTILE.into(), less };
    let parameters = vec![parameter(0, Less::Number(2)), parameter(1, Less::Part(vec![HOSTILE.into(), HOSTILE.into()]))];
    request.narrow = Some(NarrowForm { action: "/requests/x/narrow".to_owned(), minutes: None, uses: None, parameters });
    request.timeline =
        vec![Entry { comment: Some(HOSTILE.into()), ..entry(1, "request.submitted", 5, Party::agent(HOSTILE, "x"), HOSTILE, "open") }];
    request
}

pub(super) fn long() -> Request {
    let mut request = pending();
    request.action.verb = "infrastructure.database.instance.parameter.group.modify".to_owned();
    request.action.resource_id = long_resource().into();
    request.action.parameters = (0..24)
        .map(|index| {
            parameter(
                &format!("parameters.settings[{index}]"),
                &format!("{{\n  \"name\": \"max_connections_{index}\",\n  \"value\": \"{}\"\n}}", "9".repeat(index * 8)),
            )
        })
        .collect();
    request.action.inputs = vec![Input {
        kind: "file",
        name: "terraform/plan.json".into(),
        digest: hash("plan"),
        size: Bytes(48_211),
        content: InputContent::Text(Code::new(
            Language::Json,
            (0..120).map(|index| format!("  {{\"address\": \"module.db.parameter[{index}]\", \"change\": {{\"actions\": [\"update\"], \"after\": {index}}}}},\n")).collect::<String>(),
        )),
    }];
    request.why.justification = long_reason().into();
    request.factors = (0..14)
        .map(|index| factor(30 - index, &format!("reason number {index} among the many that speak against it"), "r-many", index == 3))
        .collect();
    request.risk = Risk::new(100);
    request.seals =
        sets(vec![
            (0..9)
                .map(|index| {
                    if index < 4 {
                        set("Wilhelmina Featherstonehaugh-Blackadder", "group:sre", 60)
                    } else {
                        open("group:sre", index == 4, 2)
                    }
                })
                .collect(),
            vec![open("user:ana|user:ben|user:tomasz|user:priya", true, 4)],
        ]);
    request.requirement = "9 of group:sre or 1 of user:ana|user:ben|user:tomasz|user:priya".to_owned();
    request
}
