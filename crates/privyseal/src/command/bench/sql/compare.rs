//! The same questions to both engines: the rows must be the same, then times and memory are compared.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use privyseal_core::port::ContentSource as _;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::reader::Reader;
use privyseal_ledger::segment::SegmentWriter;
use serde_json::Value;

use super::side::{Reply, Side};
use crate::cli::BenchSql;
use crate::content::Embedded;
use crate::output;

/// Where the questions are: `NN-name.sql` for us, `NN-name.duckdb.sql` for DuckDB.
const FOLDER: &str = "queries/bench/";
/// Times that a question is asked before it counts.
const WARM: u32 = 2;

struct Question {
    name: String,
    ours: String,
    theirs: String,
}

/// What both needed for one question.
struct Measured {
    ours: f64,
    theirs: Option<f64>,
}

/// Asks everything of both sides and prints the table.
///
/// # Errors
/// When a side has no answer, or the two answer differently.
pub(super) fn run(scratch: &Path, folder: &Path, options: &BenchSql) -> anyhow::Result<()> {
    let files = files(scratch, folder)?;
    limit(&files)?;
    let mut ours = Side::ours(folder, options.memory_mib)?;
    let mut theirs = options.duckdb.as_deref().map(|python| Side::duckdb(python, &files, options.memory_mib)).transpose()?;
    let questions = questions(&mut ours, options.only.as_deref())?;
    let peer = theirs.as_ref().map_or("", |side| &side.name);
    output::data(&format!(
        "{:<24}{:>12}{:>12}{:>17}{:>14}{:>8}{:>9}{:>12}{:>12}",
        "", "ours, first", "peer, first", ours.name, peer, "ratio", "rows", "ours", "peer"
    ));
    let (mut ratios, mut peaks, mut problems): (Vec<(f64, String)>, _, Vec<String>) = (Vec::new(), (0, 0), Vec::new());
    for question in questions {
        match measure(&question, &mut ours, theirs.as_mut(), options.times, &mut peaks) {
            Ok(Measured { ours, theirs: Some(theirs) }) => ratios.push((ours / theirs, question.name)),
            Ok(Measured { theirs: None, .. }) => {}
            Err(error) => {
                output::data(&format!("{:<24}  FAILED", question.name));
                problems.push(format!("{}: {error:#}", question.name));
            }
        }
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((worst, name)) = ratios.last() {
        #[expect(clippy::cast_precision_loss, reason = "a dozen questions")]
        let mean = (ratios.iter().map(|(ratio, _)| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        output::data(&format!("geometric mean of the ratios {mean:.2} (bar: 1.00), worst {worst:.2} (bar: 2.00): {name}"));
    }
    output::data(&format!("most resident memory: ours {} MiB, peer {} MiB", peaks.0 / 1_024, peaks.1 / 1_024));
    anyhow::ensure!(problems.is_empty(), "not every question was answered alike:\n{}", problems.join("\n"));
    Ok(())
}

/// The Parquet files that hold everything: the segments, and one more of what is not sealed yet.
fn files(scratch: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let layout = Layout::new(folder);
    let now = Reader::open(layout.clone())?.snapshot(0)?;
    let mut paths: Vec<_> = now.segments.iter().map(|segment| layout.below_ledger(&segment.path)).collect();
    if !now.tail.is_empty() {
        let mut writer = SegmentWriter::new()?;
        writer.write(&now.tail)?;
        let path = scratch.canonicalize()?.join("tail.parquet");
        std::fs::write(&path, writer.finish()?)?;
        paths.push(path);
    }
    output::data(&format!("{} entries in {} segments, {} more in the live tail", now.size, now.segments.len(), now.tail.len()));
    paths.into_iter().map(|path| path.to_str().map(str::to_owned).context("a path is not UTF-8")).collect()
}

/// Reads the files, twice, so that the second time they come from memory.
fn limit(files: &[String]) -> anyhow::Result<()> {
    let mut took = (0.0, 0);
    for _ in 0..2 {
        let (started, mut bytes) = (Instant::now(), 0);
        let mut buffer = vec![0; 1 << 20];
        for file in files {
            let mut file = std::fs::File::open(file)?;
            loop {
                let count = std::io::Read::read(&mut file, std::hint::black_box(&mut buffer))?;
                if count == 0 {
                    break;
                }
                bytes += count;
            }
        }
        took = (started.elapsed().as_secs_f64() * 1_000.0, bytes);
    }
    output::data(&format!("limit: read these files once from memory, one thread {:>9.1} ms, {} bytes", took.0, took.1));
    Ok(())
}

/// The questions, about a request and an event from the middle of the ledger.
fn questions(ours: &mut Side, only: Option<&str>) -> anyhow::Result<Vec<Question>> {
    let middle = "SELECT request_id, id FROM events WHERE kind = 'review.recorded' AND seq >= (SELECT max(seq) / 2 FROM events) \
                  ORDER BY seq LIMIT 1";
    let found = ours.ask(middle, true)?.rows.into_iter().next().context("the ledger has no reviews")?;
    let text = |place: usize| found.get(place).and_then(Value::as_str).context("a review without ids").map(str::to_owned);
    let (request, event) = (text(0)?, text(1)?);
    let fill = |text: &str| text.replace("{request_id}", &request).replace("{event_id}", &event);
    let mut questions = Vec::new();
    for path in Embedded.list(FOLDER) {
        let Some(theirs) = path.strip_suffix(".duckdb.sql") else { continue };
        let name = theirs.strip_prefix(FOLDER).unwrap_or(theirs).to_owned();
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let read = |path: &str| Embedded.read(path).map(|text| fill(&text)).with_context(|| format!("{path} is missing"));
        questions.push(Question { ours: read(&format!("{theirs}.sql"))?, theirs: read(&path)?, name });
    }
    Ok(questions)
}

fn measure(
    question: &Question,
    ours: &mut Side,
    mut theirs: Option<&mut Side>,
    times: u32,
    peaks: &mut (u64, u64),
) -> anyhow::Result<Measured> {
    let (mut first, mut cold) = (None, (None, None));
    for _ in 0..WARM {
        let our_reply = ours.ask(&question.ours, true)?;
        let their_reply = theirs.as_mut().map(|side| side.ask(&question.theirs, true)).transpose()?;
        cold.0.get_or_insert(our_reply.ms);
        cold.1 = cold.1.or(their_reply.as_ref().map(|reply| reply.ms));
        first = Some((our_reply, their_reply));
    }
    let (our_reply, their_reply) = first.context("it was not asked")?;
    if let Some(their_reply) = &their_reply {
        same(&our_reply, their_reply)?;
    }
    let (mut our_times, mut their_times, mut peak) = (Vec::new(), Vec::new(), (0, 0));
    for _ in 0..times {
        let reply = ours.ask(&question.ours, false)?;
        our_times.push(reply.ms);
        peak.0 = reply.peak_kib.max(peak.0);
        if let Some(theirs) = theirs.as_mut() {
            let reply = theirs.ask(&question.theirs, false)?;
            their_times.push(reply.ms);
            peak.1 = reply.peak_kib.max(peak.1);
        }
    }
    *peaks = (peaks.0.max(peak.0), peaks.1.max(peak.1));
    let measured = Measured { ours: median(our_times).context("it was not measured")?, theirs: median(their_times) };
    let (their_time, ratio) = match measured.theirs {
        Some(theirs) => (format!("{theirs:.1} ms"), format!("{:.2}", measured.ours / theirs)),
        None => (String::new(), String::new()),
    };
    let mib = |kib: u64| if kib == 0 { String::new() } else { format!("{} MiB", kib / 1_024) };
    let (our_peak, their_peak) = (mib(peak.0), mib(peak.1));
    let ms = |time: Option<f64>| time.map_or_else(String::new, |time| format!("{time:.1} ms"));
    output::data(&format!(
        "{:<24}{:>12}{:>12}{:>14.1} ms{their_time:>14}{ratio:>8}{:>9}{our_peak:>12}{their_peak:>12}",
        question.name,
        ms(cold.0),
        ms(cold.1),
        measured.ours,
        our_reply.count
    ));
    Ok(measured)
}

fn median(mut times: Vec<f64>) -> Option<f64> {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}

/// The same rows, in whatever order. Fractions may differ in their last digits: the two add up in different orders.
fn same(ours: &Reply, theirs: &Reply) -> anyhow::Result<()> {
    anyhow::ensure!(ours.count == theirs.count, "we have {} rows, the peer has {}", ours.count, theirs.count);
    let sorted = |reply: &Reply| {
        let mut rows: Vec<(String, Vec<f64>)> = reply.rows.iter().map(|row| split(row)).collect();
        rows.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.partial_cmp(&b.1).unwrap_or(std::cmp::Ordering::Equal)));
        rows
    };
    for (ours, theirs) in sorted(ours).iter().zip(&sorted(theirs)) {
        let close = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
        let alike = ours.0 == theirs.0 && ours.1.iter().zip(&theirs.1).all(close);
        anyhow::ensure!(alike, "we have the row {} {:?} where the peer has {} {:?}", ours.0, ours.1, theirs.0, theirs.1);
    }
    Ok(())
}

/// A row's exact cells as a text, and its fractions.
fn split(row: &[Value]) -> (String, Vec<f64>) {
    let mut fractions = Vec::new();
    let exact: Vec<String> = row
        .iter()
        .map(|cell| match cell.as_f64().filter(|_| cell.is_f64()) {
            Some(fraction) => {
                fractions.push(fraction);
                "fraction".to_owned()
            }
            None => cell.to_string(),
        })
        .collect();
    (exact.join(" | "), fractions)
}
