//! Verification and sealing of a ledger that is there, measured beside the limits of this machine in the same run.
//!
//! Wall clock and processor time are both told: on a machine that does other things only the second compares.

use std::path::Path;
use std::time::{Duration, Instant};

use privyseal_core::digest::Digest;
use privyseal_core::event::signed_message;
use privyseal_core::note::NodeKey;

use crate::layout::Layout;
use crate::log::StoredEntry;
use crate::proof;
use crate::segment::{self, Columns, SegmentWriter};
use crate::store::Store;
use crate::verify::{self, Options, Verdict};

/// Where lines go.
pub type Told<'a> = &'a mut dyn FnMut(&str);

#[expect(clippy::cast_precision_loss, reason = "three digits are all that is printed")]
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(1e-9)
}

/// Processor time of all threads of this process, as the kernel counts it: in ticks of 10 ms.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the name in parentheses; user and system time are fields 14 and 15 of the line, the state is field 3.
    let mut fields = text.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let ticks = ticks() + ticks();
    Duration::from_millis(ticks * 10)
}

/// Largest resident memory of this process so far, in MiB.
fn peak_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1_024
}

/// Wall clock and processor time of some work.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration, Duration) {
    let (started, used) = (Instant::now(), processor_time());
    let value = work();
    (value, started.elapsed(), processor_time().saturating_sub(used))
}

/// Signatures that one core checks in a second of its time while all cores do the same, as in a verification: neighbours share what a
/// core has, so that one core alone would be a limit that no program on all of them can reach.
fn raw_verifications() -> f64 {
    let Ok(key) = NodeKey::from_seed("bench.localhost/privyseal/bench", &[5; 32]) else { return 0.0 };
    // Different ones: a processor that sees the same signature again has learned its way through it.
    let messages = (0..1_024_u32).map(|number| signed_message(&Digest::of(&number.to_be_bytes())));
    let signed: Vec<_> = messages.map(|message| (key.sign(&message), message)).collect();
    let verifier = key.verifier();
    let (counts, _, used) = timed(|| {
        rayon::broadcast(|_| {
            let (started, mut count) = (Instant::now(), 0_u64);
            while started.elapsed() < Duration::from_secs(1) {
                for (signature, message) in &signed {
                    std::hint::black_box(verifier.verify(std::hint::black_box(message), signature));
                    count += 1;
                }
            }
            count
        })
    });
    rate(counts.into_iter().sum(), used)
}

/// Verifies a ledger without and with its signatures.
///
/// # Errors
/// In words, when it does not verify: then there is nothing to measure.
pub fn verify(layout: &Layout, told: Told<'_>) -> Result<(), String> {
    let raw = raw_verifications();
    told(&format!("limit: verify_strict                {raw:>9.0} signatures per second of a core"));
    let run = |without_signatures: bool| {
        let options = Options { without_signatures, ..Options::default() };
        let (report, wall, used) = timed(|| verify::verify(layout, &options, &mut |_, _| {}));
        if report.verdict == Verdict::Tampered {
            Err(format!("the measured ledger does not verify: {report}"))
        } else {
            Ok((report, wall, used))
        }
    };
    let (report, wall, used) = run(true)?;
    told(&format!(
        "ours:  without event signatures     {:>9.0} events per second of a core, {:.0} by the clock   ({} events, {} MiB at most)",
        rate(report.entries, used),
        rate(report.entries, wall),
        report.entries,
        peak_memory()
    ));
    let (report, wall, used) = run(false)?;
    told(&format!(
        "ours:  whole                        {:>9.0} events per second of a core, {:.0} by the clock   ({} MiB at most)",
        rate(report.entries, used),
        rate(report.entries, wall),
        peak_memory()
    ));
    told(&format!(
        "       {:>9} signatures           {:>9.0} per second of a core: {:.2} of the limit",
        report.signatures,
        rate(report.signatures, used),
        rate(report.signatures, used) / raw
    ));
    Ok(())
}

/// Makes the proof of the entry in the middle of a ledger and verifies it, entry and signature of the head included.
///
/// # Errors
/// In words, when there is no published head over it, or its proof does not verify.
pub fn proof(layout: &Layout, told: Told<'_>) -> Result<(), String> {
    const TIMES: u32 = 200;
    let log = Store::of(layout).reader().map_err(|error| error.to_string())?;
    let middle = log.head().map_err(|error| error.to_string())?.map_or(0, |head| head.edge.size()) / 2;
    let stored = log.entries(middle, 1).map_err(|error| error.to_string())?.into_iter().next().ok_or("the log is empty")?;
    let trusted = crate::keys::load(&layout.key()).map_err(|error| error.to_string())?.verifier();
    let text = proof::make(layout, &stored).map_err(|error| error.to_string())?.to_string();
    let (report, wall, _) = timed(|| {
        let mut report = proof::verify("proof", &text, Some(&trusted), None);
        for _ in 1..TIMES {
            report = proof::verify("proof", std::hint::black_box(&text), Some(&trusted), None);
        }
        report
    });
    if report.verdict != Verdict::Verified {
        return Err(format!("the proof does not verify: {report}"));
    }
    told(&format!(
        "ours:  one entry's proof            {:>9} bytes, verified in {:.3} ms   (entry {middle}, {} bytes)",
        text.len(),
        (wall / TIMES).as_secs_f64() * 1_000.0,
        stored.entry.len()
    ));
    Ok(())
}

/// Seals the entries of a ledger into a segment in `scratch`: encode, hash, read back, compare.
///
/// # Errors
/// In words, when the log cannot be read or encoded.
pub fn seal(layout: &Layout, scratch: &Path, told: Told<'_>) -> Result<(), String> {
    let words = |error: &dyn std::error::Error| {
        std::iter::successors(error.source(), |error| error.source()).fold(error.to_string(), |text, error| format!("{text}: {error}"))
    };
    let log = Store::of(layout).reader().map_err(|error| words(&error))?;
    let end = log.head().map_err(|error| words(&error))?.map_or(0, |head| head.edge.size()).min(crate::seal::MAX_ROWS);
    let count = |entries: &[StoredEntry]| u64::try_from(entries.len()).unwrap_or(0);
    let (bytes, _, used) = timed(|| -> Result<u64, String> {
        let (mut at, mut bytes) = (0, 0);
        while at < end {
            let entries = log.entries(at, segment::BATCH_ROWS).map_err(|error| words(&error))?;
            bytes += entries.iter().map(|entry| u64::try_from(std::hint::black_box(entry).entry.len()).unwrap_or(0)).sum::<u64>();
            at += count(&entries).max(1);
        }
        Ok(bytes)
    });
    let bytes = bytes?;
    told(&format!("limit: read the log                 {:>9.0} events per second of a core   ({bytes} bytes of entries)", rate(end, used)));
    let (file, wall, used) = timed(|| -> Result<Vec<u8>, String> {
        let mut writer = SegmentWriter::new().map_err(|error| words(&error))?;
        let mut at = 0;
        while at < end {
            let limit = usize::try_from(end - at).unwrap_or(usize::MAX).min(segment::BATCH_ROWS);
            let entries = log.entries(at, limit).map_err(|error| words(&error))?;
            writer.write(&entries).map_err(|error| words(&error))?;
            at += count(&entries).max(1);
        }
        let file = writer.finish().map_err(|error| words(&error))?;
        crate::durable::write(&scratch.join("segment"), &file).map_err(|error| words(&error))?;
        Ok(file)
    });
    let file = file?;
    let length = u64::try_from(file.len()).unwrap_or(0);
    told(&format!(
        "ours:  read, encode and write       {:>9.0} events per second of a core, {:.0} by the clock",
        rate(end, used),
        rate(end, wall)
    ));
    let (same, wall, also) = timed(|| -> Result<bool, String> {
        std::hint::black_box(Digest::of(&file));
        let (mut at, mut same) = (0, true);
        for batch in segment::batches(bytes::Bytes::from(file), 0).map_err(|error| words(&error))? {
            let batch = batch.map_err(|error| words(&error))?;
            let columns = Columns::of(&batch).map_err(|error| words(&error))?;
            let entries = log.entries(at, columns.rows()).map_err(|error| words(&error))?;
            same &= columns.equal(&entries).is_none();
            at += count(&entries);
        }
        Ok(same)
    });
    if !same? {
        return Err("the segment reads back differently from the log".to_owned());
    }
    told(&format!(
        "ours:  hash, read back, compare     {:>9.0} events per second of a core, {:.0} by the clock",
        rate(end, also),
        rate(end, wall)
    ));
    told(&format!("ours:  sealing                      {:>9.0} events per second of a core", rate(end, used + also)));
    told(&format!("sealed size                         {:>9.1} bytes an event", rate(length, Duration::from_secs(end.max(1)))));
    Ok(())
}
