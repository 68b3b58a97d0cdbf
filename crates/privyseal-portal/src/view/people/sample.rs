//! People and agents in all their states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;

fn person(party: Party, roles: &[&str], passkeys: u64) -> PersonRow {
    PersonRow {
        email: Some(format!("{}@halden.example", party.id).into()),
        party,
        roles: roles.iter().map(|name| RoleView { name: (*name).to_owned(), until: None }).collect(),
        passkeys: Count(passkeys),
        linked: Vec::new(),
        seen: Some(Moment::relative(ago(1_900), now())),
        disabled: false,
        may_review: true,
    }
}

fn agent(party: Party, owner: Option<Party>, program: &str, intended: &[&str], requests: u64) -> AgentRow {
    AgentRow {
        party,
        owner,
        parent: None,
        program: program.into(),
        intended: intended.iter().map(ToString::to_string).collect(),
        requests: Count(requests),
        seen: Some(Moment::relative(ago(240), now())),
        disabled: false,
    }
}

impl Sampled for PeoplePage {
    const NAME: &'static str = "people";

    fn samples() -> Vec<(&'static str, Self)> {
        let mut auditor_row = person(mei(), &[], 0);
        auditor_row.roles = vec![RoleView { name: "auditor".to_owned(), until: Some(Moment::day(at("2026-12-31T00:00:00Z"))) }];
        let page = PeoplePage {
            shell: administrator(Place::People),
            halt: HaltCard { targets: vec![("all".to_owned(), "Every agent".into())], back: "people", ..HaltCard::default() },
            people: vec![
                person(ana(), &["approver", "group:sre"], 2),
                person(ben(), &["approver", "group:dba"], 1),
                PersonRow { linked: vec!["dana-admin".to_owned()], ..person(dana(), &["admin", "requester", "group:platform"], 1) },
                auditor_row,
                PersonRow { seen: None, ..person(Party::person("Søren Ødegård", "soren"), &[], 0) },
                PersonRow { disabled: true, ..person(Party::person("Jonas Weber", "jonas"), &["requester"], 1) },
            ],
            agents: vec![
                agent(data_janitor(), Some(tomasz()), "janitor 1.9.0", &["db.maintenance", "data.delete"], 118),
                agent(deploy_bot(), Some(dana()), "release-runner 4.2.0", &["deploy", "db.schema"], 1_204),
                AgentRow {
                    parent: Some(deploy_bot()),
                    ..agent(schema_pilot(), Some(dana()), "assistant-large 2026-09", &["db.schema"], 14)
                },
                AgentRow {
                    seen: None,
                    ..agent(Party::agent("nightly-export", "agent:nightly-export"), None, "export 0.3", &["data.export", "secret.read"], 0)
                },
            ],
        };
        let hostile_page = PeoplePage {
            halt: HaltCard { targets: vec![("all".to_owned(), HOSTILE.into())], ..HaltCard::default() },
            shell: hostile(Place::People),
            people: vec![PersonRow { email: Some(HOSTILE.into()), ..person(Party::person(HOSTILE, "x"), &["group:<b>"], 1) }],
            agents: vec![agent(Party::agent(HOSTILE, "x"), Some(Party::person(HOSTILE, "x")), HOSTILE, &["<b>"], 1)],
        };
        vec![("full", page.clone()), ("nobody", PeoplePage { people: Vec::new(), agents: Vec::new(), ..page }), ("hostile", hostile_page)]
    }
}
