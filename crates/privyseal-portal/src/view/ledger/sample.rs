//! The ledger in all its states.

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;

impl Sampled for LedgerPage {
    const NAME: &'static str = "ledger";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = LedgerPage {
            shell: auditor(Place::Ledger),
            origin: "ledger.halden.example/prod".to_owned(),
            size: Count(48_213),
            root: hash("root"),
            last: Moment::exact(ago(4)),
            checkpoint: "ledger.halden.example/prod\n48213\nq0uZx0Y1m2b8pJ6F3fVn1lT6m0cQd6bW8w1v8aE7l2s=\n\n— ledger.halden.example/prod bx06IEJ0c2lnbmF0dXJlLW9mLXRoaXMtaGVhZC1hcy1iYXNlNjQtdGV4dC1oZXJlLWZvci10aGUtc2FtcGxlLW9ubHk=\n".to_owned(),
            key: "ledger.halden.example/prod+6f1d3a20+AQ9pQ2m1v0bq3y5t7u9w1x3z5A7C9E1G3I5K7M9O1Q3".to_owned(),
            witnesses: vec![
                Witness { name: "assay".to_owned(), seen: Some((Count(48_213), Moment::minute(ago(4)))), problem: None },
                Witness {
                    name: "tally".to_owned(),
                    seen: Some((Count(48_002), Moment::minute(ago(4_100)))),
                    problem: Some("https://tally.example/add-checkpoint: it answered 503".to_owned()),
                },
                Witness { name: "vouch".to_owned(), seen: None, problem: Some("https://vouch.example/add-checkpoint: timeout".to_owned()) },
            ],
            segments: (0..6)
                .rev()
                .map(|index: u64| Segment {
                    first: Count(index * 8_000),
                    last: Count(index * 8_000 + 7_999),
                    size: Bytes(2_100_000 + index * 77_000),
                    digest: hash(&format!("segment {index}")),
                    path: format!("segments/{:06}.parquet", index * 8_000),
                    sealed: Moment::minute(ago(400_000 - i64::try_from(index).unwrap_or_default() * 60_000)),
                })
                .collect(),
            unsealed: Count(213),
            kinds: KindCount::list(&[
                ("request.submitted", 9_204),
                ("assertion.evaluated", 8_811),
                ("review.recorded", 7_402),
                ("grant.redeemed", 6_120),
                ("execution.finished", 6_118),
                ("session.started", 3_900),
                ("query.run", 412),
                ("review.refused", 37),
                ("breakglass.invoked", 2),
            ]),
            commands: vec![
                ("The whole log, on the machine that keeps it:", "privyseal verify --data privyseal-data".to_owned()),
                ("A pack, on any machine, without network:", "privyseal verify pack.zip --trusted-key ledger.halden.example/prod+6f1d3a20+AQ9p…".to_owned()),
                ("The checkpoint, from anywhere:", "curl https://seal.halden.example/checkpoint".to_owned()),
            ],
        };
        vec![
            ("full", page.clone()),
            (
                "new",
                LedgerPage {
                    size: Count(3),
                    witnesses: Vec::new(),
                    segments: Vec::new(),
                    unsealed: Count(3),
                    kinds: KindCount::list(&[("ledger.opened", 1), ("policy.published", 1), ("principal.registered", 1)]),
                    ..page
                },
            ),
        ]
    }
}
