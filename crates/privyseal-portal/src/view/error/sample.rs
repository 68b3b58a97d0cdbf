//! What can go wrong.

use super::*;
use crate::view::sample::*;

impl Sampled for ErrorPage {
    const NAME: &'static str = "error";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = |problem, detail: &str| ErrorPage {
            shell: approver(Place::Elsewhere),
            problem,
            detail: detail.into(),
            request_id: "019abf1c-9a10-7d3e-8c55-0f27aa61b0d4".to_owned(),
        };
        let needs = |roles: &[&str]| Problem::Forbidden { needs: roles.iter().map(ToString::to_string).collect() };
        vec![
            ("403", page(needs(&["auditor", "admin"]), "The SQL console is for auditors and administrators.")),
            ("404", page(Problem::NotFound, "")),
            ("404-signed-out", ErrorPage { shell: signed_out(), ..page(Problem::NotFound, "") }),
            (
                "401",
                ErrorPage { shell: signed_out(), ..page(Problem::Unproven, "The passkey answered a question that is over: try again.") },
            ),
            ("409", page(Problem::Conflict, "Tomasz Zieliński denied the request while you were looking at it.")),
            ("413", page(Problem::TooLarge, "parameters are 40,112 bytes, the limit is 32,768")),
            ("410", page(Problem::Gone, "The pack’s file is gone: build it again, it has the same digest.")),
            ("422", page(Problem::Invalid, "The comment is longer than 4000 characters.")),
            ("503", page(Problem::Unavailable, "The ledger cannot be written, so nothing was done.")),
            ("500", page(Problem::Internal, "")),
            ("hostile", ErrorPage { shell: hostile(Place::Elsewhere), ..page(needs(&["<b>"]), HOSTILE) }),
        ]
    }
}
