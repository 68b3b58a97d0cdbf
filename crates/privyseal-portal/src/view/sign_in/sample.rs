//! The ways in, in all their states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::{Notice, Place};

impl Sampled for SignInPage {
    const NAME: &'static str = "sign_in";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = SignInPage { shell: signed_out(), next: "/".to_owned(), provider: None, problem: None };
        vec![
            ("passkey", page.clone()),
            ("provider", SignInPage { provider: Some("Halden ID".to_owned()), ..page.clone() }),
            ("problem", SignInPage { problem: Some("This passkey is not known here. It may have been revoked.".into()), ..page.clone() }),
            (
                "hostile",
                SignInPage {
                    next: HOSTILE.chars().filter(char::is_ascii).collect(),
                    provider: Some("<b>".to_owned()),
                    problem: Some(HOSTILE.into()),
                    ..page
                },
            ),
        ]
    }
}

impl Sampled for LinkPage {
    const NAME: &'static str = "link";

    fn samples() -> Vec<(&'static str, Self)> {
        let valid = |name: &str, token: &str| LinkPage {
            shell: signed_out(),
            link: Link::Valid {
                name: name.into(),
                id: "mei".to_owned(),
                roles: vec!["auditor".to_owned()],
                until: Moment::minute(now().plus_seconds(3_000)),
                token: token.to_owned(),
            },
        };
        vec![
            ("valid", valid("Mei Lin", "sample-secret")),
            ("spent", LinkPage { shell: signed_out(), link: Link::Spent }),
            ("hostile", valid(HOSTILE, "\"><script>")),
        ]
    }
}

impl Sampled for EnrolPage {
    const NAME: &'static str = "enrol";

    fn samples() -> Vec<(&'static str, Self)> {
        let passkey = |label: &str, synced: bool, used: Option<Moment>| Passkey {
            label: label.into(),
            enrolled: Moment::day(ago(8_000_000)),
            used,
            synced,
            short: "pQ3v9xLm".to_owned(),
        };
        let page = EnrolPage {
            shell: approver(Place::Elsewhere),
            passkeys: vec![passkey("Laptop", true, Some(Moment::relative(ago(3_000), now()))), passkey("Security key, blue", false, None)],
            proposal: "Ana’s phone".to_owned(),
            next: "/".to_owned(),
        };
        let mut arrived =
            EnrolPage {
                passkeys: Vec::new(), proposal: "Ana’s laptop".to_owned(), next: "/requests/019abf1c".to_owned(), ..page.clone()
            };
        arrived.shell.notice = Some(Notice {
            failed: false,
            text: "You are signed in. This link is used up.".into(),
            next: Some(("/settings/passkey", "Enrol a passkey")),
        });
        let mut attacked = EnrolPage { shell: hostile(Place::Elsewhere), passkeys: vec![passkey(HOSTILE, true, None)], ..page.clone() };
        attacked.shell.notice = Some(Notice { failed: true, text: HOSTILE.into(), next: None });
        vec![("some", page), ("first", arrived), ("hostile", attacked)]
    }
}
