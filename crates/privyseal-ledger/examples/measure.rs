//! Measures verification and sealing of the data folder that is named, or of one made here, without building the whole product:
//! `cargo run --release -p privyseal-ledger --example measure -- <folder>` or `-- --make <folder> <events> [signed percent] [prune]`.

use std::path::Path;

use privyseal_core::event::directory::RoleAssigned;
use privyseal_core::event::ledger::Opened;
use privyseal_core::event::watch::Heartbeat;
use privyseal_core::event::{Actor, ActorKind, Auth, AuthMethod, Body, Channel, Draft};
use privyseal_core::id::EventId;
use privyseal_core::time::Timestamp;
use privyseal_ledger::chain::Tip;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::log::{Log as _, LogReader as _};
use privyseal_ledger::sqlite::SqliteLog;
use privyseal_ledger::tiles::TileWriter;
use privyseal_ledger::{keys, measure, seal};

const ORIGIN: &str = "bench.localhost/privyseal/bench";

type Failed = Box<dyn std::error::Error>;

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut told = |line: &str| {
        use std::io::Write as _;
        let _closed = writeln!(std::io::stdout(), "{line}");
    };
    match words.as_slice() {
        ["--make", folder, events, rest @ ..] => {
            make(Path::new(folder), events.parse()?, rest.first().map_or(Ok(50), |text| text.parse())?, rest.contains(&"prune"))
        }
        [folder] => {
            let scratch = tempfile::tempdir()?;
            measure::verify(&Layout::new(folder), &mut told)?;
            measure::proof(&Layout::new(folder), &mut told)?;
            Ok(measure::seal(&Layout::new(folder), scratch.path(), &mut told)?)
        }
        _ => Err("usage: measure <folder> | measure --make <folder> <events> [signed percent] [prune]".into()),
    }
}

/// A ledger of about this many events, sealed in segments of at most a million, with tiles and a published head. A pruned one holds
/// sealed entries in segments only.
fn make(folder: &Path, events: u64, signed_percent: u64, prune: bool) -> Result<(), Failed> {
    let layout = Layout::new(folder);
    std::fs::create_dir_all(layout.ledger())?;
    let key = keys::create(&layout.key(), ORIGIN, &[3; 32])?;
    let (mut log, mut tip, mut tiles) = (SqliteLog::create(&layout.log())?, Tip::empty(ORIGIN), TileWriter::new());
    let auth = Auth { method: AuthMethod::Engine, amr: vec![], auth_time: None, session: None, credential: None };
    let actor = Actor { id: "system".parse()?, kind: ActorKind::System, channel: Channel::Engine, auth };
    let mut append = |log: &mut SqliteLog, bodies: Vec<Body>| -> Result<(), Failed> {
        let mut entries = Vec::new();
        for body in bodies {
            let now = Timestamp::from_micros(tip.time.micros().max(1_760_000_000_000_000) + 1_000);
            let random = *privyseal_core::digest::Digest::of(&tip.edge.size().to_be_bytes()).as_bytes();
            let id = EventId::new(now, random.first_chunk().copied().unwrap_or_default());
            let (event, stored) = tip.place(Draft { actor: actor.clone(), request_id: None, body }, id, now, &key)?;
            tiles.push(stored.leaf);
            entries.push((stored, event.kind()));
        }
        Ok(log.append(&tip.batch(entries, &key))?)
    };
    let mut sealed = 0;
    append(&mut log, vec![Body::LedgerOpened(Opened { format: 1, key: key.verifier().to_string(), previous: None })])?;
    let body = |number: u64| -> Result<Body, Failed> {
        if number % 100 >= signed_percent {
            return Ok(Body::Heartbeat(Heartbeat { node: "bench".into(), interval_seconds: 60, canaries: Vec::new() }));
        }
        Ok(Body::RoleAssigned(RoleAssigned {
            principal: "ana".parse()?,
            role: format!("group:bench-{}", number % 512).parse()?,
            valid_from: Timestamp::default(),
            valid_to: None,
            scope: Vec::new(),
            reason: "measured".into(),
            change_request: None,
        }))
    };
    for start in (0..events).step_by(8_192) {
        append(&mut log, (start..events.min(start + 8_192)).map(body).collect::<Result<_, _>>()?)?;
        let end = log.head()?.map_or(0, |head| head.edge.size());
        while (end >= sealed + seal::MAX_ROWS || start + 8_192 >= events)
            && let Some(segment) = seal::make_segment(&layout, &log, end)?
        {
            sealed = segment.last + 1;
            append(&mut log, vec![Body::SegmentSealed(segment)])?;
            if prune {
                seal::prune(&layout, &mut log, sealed)?;
            }
        }
    }
    tiles.publish(&layout.tiles())?;
    let note = log.head()?.map(|head| head.checkpoint).unwrap_or_default();
    Ok(privyseal_ledger::publish_checkpoint(&layout, &note)?)
}
