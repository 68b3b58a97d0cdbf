//! Policies in all their states.

use super::*;
use crate::view::code::Language;
use crate::view::sample::*;
use crate::view::shell::Place;

const ROUTES: &str = r#"// Who must seal what. The union of all matching rules holds, so the strictest wins.

@id("prod-schema")
@approvals("2 of group:sre, 1 of group:dba")
@expires("30m") @grant("10m") @assurance("passkey")
@because("schema changes in production")
permit (principal, action in Action::"db.schema", resource)
when { resource.environment == "production" };

@id("agents-high")
@approvals("1 of group:sre")
@because("high risk asked by an agent")
permit (principal is Agent, action, resource)
when { context.risk >= 60 };

@id("no-drop-in-freeze")
@because("change freeze until 2026-11-30")
forbid (principal, action == Action::"db.schema.drop", resource)
when { context.change_freeze };
"#;

const RISK: &str = r#"// Points. They are added up and capped at 100; they never permit anything.

@id("r-prod") @risk("35") @because("touches production")
permit (principal, action, resource)
when { resource.environment == "production" };

@id("r-first-time") @risk("12") @because("first time for this agent on this resource")
permit (principal, action, resource)
when { context.first_time };
"#;

fn file(name: &str, text: &str, rules: u64) -> PolicyFile {
    PolicyFile {
        name: name.to_owned(),
        digest: hash(text),
        size: Bytes(text.len() as u64),
        rules: Count(rules),
        code: Code::new(Language::Cedar, text),
    }
}

fn row(number: u64, seconds: i64, note: &str) -> VersionRow {
    VersionRow {
        number,
        published: Moment::minute(ago(seconds)),
        author: dana(),
        note: note.into(),
        href: format!("/policies?version={number}"),
        current: number == 14,
    }
}

impl Sampled for PoliciesPage {
    const NAME: &'static str = "policies";

    fn samples() -> Vec<(&'static str, Self)> {
        let version = PolicyVersion {
            number: 14,
            in_force: true,
            digest: hash("policy 14"),
            published: Moment::minute(ago(700_000)),
            author: dana(),
            approved_by: vec![ana(), tomasz()],
            request: Some("/requests/019a9c02".to_owned()),
            note: "Schema changes in production need a second person of SRE, after the outage on 3 November.".into(),
            unsatisfiable: vec!["prod-schema".to_owned()],
            files: vec![file("routes.cedar", ROUTES, 3), file("risk.cedar", RISK, 2)],
        };
        let page = PoliciesPage {
            shell: approver(Place::Policies),
            version: Some(version.clone()),
            versions: vec![
                row(14, 700_000, "Schema changes in production need a second person of SRE, after the outage on 3 November."),
                row(13, 2_400_000, "Agents with a score of 60 and more need a person of SRE."),
                row(12, 5_900_000, "Change freeze as a fact."),
            ],
        };
        vec![
            ("in-force", page.clone()),
            (
                "old",
                PoliciesPage {
                    version: Some(PolicyVersion {
                        number: 1,
                        in_force: false,
                        approved_by: Vec::new(),
                        request: None,
                        note: "First policy of the log.".into(),
                        ..version.clone()
                    }),
                    ..page.clone()
                },
            ),
            ("none", PoliciesPage { version: None, versions: Vec::new(), ..page }),
            (
                "hostile",
                PoliciesPage {
                    shell: hostile(Place::Policies),
                    version: Some(PolicyVersion {
                        note: HOSTILE.into(),
                        author: Party::person(HOSTILE, "x"),
                        files: vec![file("hostile.cedar", HOSTILE, 0)],
                        ..version
                    }),
                    versions: vec![row(14, 1, HOSTILE)],
                },
            ),
        ]
    }
}
