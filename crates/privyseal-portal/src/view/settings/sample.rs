//! Settings in all their states.

use super::*;
use crate::view::halt::Engaged;
use crate::view::sample::*;
use crate::view::shell::Place;

fn loan(party: Party, reason: &str) -> Loan {
    Loan {
        party,
        roles: vec!["group:sre".to_owned()],
        from: Moment::day(ago(90_000)),
        until: Moment::day(now().plus_seconds(600_000)),
        ahead: false,
        reason: reason.into(),
        end: "/settings/delegations/d1/end".to_owned(),
    }
}

impl Sampled for SettingsPage {
    const NAME: &'static str = "settings";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = SettingsPage {
            shell: approver(Place::Elsewhere),
            lent: vec![loan(ben(), "away until Monday"), Loan { ahead: true, ..loan(dana(), "conference") }],
            borrowed: vec![loan(mei(), "parental leave")],
            groups: vec!["group:sre".to_owned(), "group:dba".to_owned()],
            colleagues: vec![("ben".to_owned(), "Ben Carter".into()), ("dana".to_owned(), "Dana".into())],
            days: ("2026-09-30".to_owned(), "2026-10-07".to_owned()),
            halt: HaltCard {
                engaged: vec![Engaged {
                    sentence: "All agents: stopped since noon by Ana. Drill.".into(),
                    release: Some("all".to_owned()),
                }],
                targets: vec![("agent:deploy-bot".to_owned(), "deploy-bot".into())],
                back: "settings",
            },
        };
        let nothing = SettingsPage {
            lent: Vec::new(),
            borrowed: Vec::new(),
            groups: Vec::new(),
            colleagues: Vec::new(),
            halt: HaltCard::default(),
            ..page.clone()
        };
        let mut attacked = SettingsPage {
            shell: hostile(Place::Elsewhere),
            lent: vec![loan(Party::person(HOSTILE, "x"), HOSTILE)],
            colleagues: vec![("x".to_owned(), HOSTILE.into())],
            ..page.clone()
        };
        attacked.shell.halted = vec![HOSTILE.into()];
        vec![("some", page), ("nothing", nothing), ("hostile", attacked)]
    }
}
