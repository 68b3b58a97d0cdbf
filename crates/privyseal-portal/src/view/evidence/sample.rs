//! Packs in all their states.

use privyseal_core::finding::TestState;

use super::*;
use crate::view::sample::*;
use crate::view::shell::Place;

impl Sampled for EvidencePage {
    const NAME: &'static str = "evidence";

    fn samples() -> Vec<(&'static str, Self)> {
        let page = EvidencePage { shell: live(auditor(Place::Evidence), "evidence"), form: Some(form()), packs: packs() };
        vec![
            ("full", page.clone()),
            ("first", EvidencePage { packs: Vec::new(), ..page.clone() }),
            (
                "problem",
                EvidencePage {
                    form: Some(PackForm { from: HOSTILE.into(), problem: Some("choose at least one framework".to_owned()), ..form() }),
                    ..page.clone()
                },
            ),
            ("read-only", EvidencePage { form: None, shell: live(approver(Place::Evidence), "evidence"), ..page.clone() }),
            (
                "hostile",
                EvidencePage {
                    shell: live(hostile(Place::Evidence), "evidence"),
                    packs: vec![Pack {
                        by: Party::person(HOSTILE, "x"),
                        progress: PackProgress::Failed { reason: HOSTILE.into() },
                        ..pack("x", PackProgress::Cancelled)
                    }],
                    ..page
                },
            ),
        ]
    }
}

impl Sampled for EvidencePartial {
    const NAME: &'static str = "evidence_partial";
    const FRAGMENT: bool = true;

    fn samples() -> Vec<(&'static str, Self)> {
        vec![("full", EvidencePartial { shell: auditor(Place::Evidence), packs: packs() })]
    }
}

fn form() -> PackForm {
    PackForm {
        frameworks: [
            ("soc2", "SOC 2", true),
            ("iso27001", "ISO/IEC 27001:2022", true),
            ("iso42001", "ISO/IEC 42001", false),
            ("nist-800-53", "NIST SP 800-53 rev 5", false),
            ("fedramp-low", "FedRAMP Low", false),
            ("fedramp-moderate", "FedRAMP Moderate", false),
            ("fedramp-high", "FedRAMP High", false),
            ("fedramp-20x", "FedRAMP 20x", false),
        ]
        .map(|(id, name, chosen)| (id.to_owned(), name.to_owned(), chosen))
        .to_vec(),
        from: "2026-07-01".into(),
        to: "2026-10-01".into(),
        problem: None,
    }
}

fn pack(short: &str, progress: PackProgress) -> Pack {
    Pack {
        short: short.to_owned(),
        frameworks: vec!["SOC 2".to_owned()],
        from: Moment::day(at("2026-07-01T00:00:00Z")),
        to: Moment::day(at("2026-10-01T00:00:00Z")),
        by: mei(),
        asked: Moment::relative(ago(95), now()),
        progress,
    }
}

fn ready(name: &str, size: u64, downloads: u64, counts: [u64; 5], untested: u64) -> PackProgress {
    let counts: Vec<(TestState, u64)> = TestState::ALL.into_iter().zip(counts).collect();
    PackProgress::Ready {
        digest: hash(name),
        file: hash("file"),
        size: Bytes(size),
        href: "/evidence/019abf00/pack.zip".to_owned(),
        name: name.to_owned(),
        states: States::new("controls", &counts, untested),
        downloads: Count(downloads),
    }
}

fn packs() -> Vec<Pack> {
    vec![
        Pack {
            frameworks: vec!["SOC 2".to_owned(), "ISO/IEC 27001:2022".to_owned()],
            ..pack(
                "b81d20aa",
                PackProgress::Building {
                    step: "Writing the pack, 34 % of the log".to_owned(),
                    done: 2,
                    of: 3,
                    cancel: "/evidence/019abf00/cancel".to_owned(),
                },
            )
        },
        Pack {
            asked: Moment::minute(ago(90_000)),
            ..pack("77f0e2c4", ready("privyseal-soc2-2026-07-01-2026-10-01.zip", 14_250_000, 2, [0, 2, 3, 1, 17], 38))
        },
        Pack {
            frameworks: vec!["FedRAMP 20x".to_owned()],
            asked: Moment::minute(ago(190_000)),
            ..pack("0d51c9be", ready("privyseal-fedramp-20x-2026-07-01-2026-10-01.zip", 9_104_000, 0, [0, 0, 0, 0, 14], 32))
        },
        Pack {
            asked: Moment::minute(ago(260_000)),
            ..pack(
                "e20a77d1",
                PackProgress::Failed {
                    reason: "segment 000012 could not be read back: checksum differs; run privyseal verify and restore the file".into(),
                },
            )
        },
        Pack { asked: Moment::minute(ago(270_000)), ..pack("1c99ab02", PackProgress::Cancelled) },
    ]
}
