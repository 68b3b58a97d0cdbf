//! `privyseal verify`: a data folder or an evidence pack, from bytes alone.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use privyseal_core::cosignature::CosignedHead;
use privyseal_core::note::VerifierKey;
use privyseal_evidence::pack::verify_pack;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::verify::{Options, Place, Range, Report, Resume, Verdict, verify, verify_range};
use privyseal_ledger::{proof, stamp};

use crate::cli::{self, Format};
use crate::context::Context;
use crate::{local, output};

/// Entries between two writes of a progress file: a few seconds' work.
const KEEP_EVERY: u64 = 262_144;

/// Runs `verify`. Exit 0 verified, 1 tampered, 2 could not tell; options that cannot be used tell nothing, so that they are a 2 as well.
///
/// # Errors
/// When the report cannot be written as JSON; every other failure is an answer.
pub(crate) fn run(context: &Context, options: &cli::Verify) -> anyhow::Result<ExitCode> {
    if let Some(file) = &options.disclosure {
        return Ok(super::disclose::verify(context, file, options.target.as_deref()).unwrap_or_else(|error| {
            output::error(&format!("{error:#}"));
            ExitCode::from(Verdict::CouldNotTell.exit_code())
        }));
    }
    let report = match report(context, options) {
        Ok(report) => report,
        Err(error) => {
            output::error(&format!("{error:#}"));
            return Ok(ExitCode::from(Verdict::CouldNotTell.exit_code()));
        }
    };
    match context.global.format {
        Some(Format::Json) => output::data(&serde_json::to_string_pretty(&report)?),
        _ => output::data(&report.to_string()),
    }
    Ok(ExitCode::from(report.verdict.exit_code()))
}

fn report(context: &Context, options: &cli::Verify) -> anyhow::Result<Report> {
    let target: PathBuf = options.target.clone().unwrap_or_else(|| context.data.clone());
    let trusted = options.trusted_key.as_deref().map(read_key).transpose()?;
    let remembered = options
        .head
        .iter()
        .map(|path| {
            let note = std::fs::read_to_string(path).with_context(|| format!("cannot read the head {}", path.display()))?;
            // The caller's own file, which accuses nobody when it is another one than was meant.
            CosignedHead::parse(&note)
                .with_context(|| format!("{} is no signed head as `privyseal checkpoint` prints one", path.display()))?;
            Ok((path.display().to_string(), note))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let range = match (options.from, options.to, &options.event) {
        (Some(first), Some(last), _) => Some(Range::Entries { first, last }),
        (_, _, Some(id)) => Some(Range::Event(id.clone())),
        _ => None,
    };
    let resume = options.resume.clone().map(|file| Resume { file, every: KEEP_EVERY });
    let of_folder = range.is_some() || resume.is_some() || !remembered.is_empty();
    anyhow::ensure!(
        !of_folder || target.is_dir(),
        "{} is not a data folder: --from, --event, --head and --resume are for one; a pack is verified whole",
        target.display()
    );
    let policy = options.policy.as_deref().map(local::witness_policy).transpose()?;
    let authority = options.timestamp_ca.as_deref().map(local::timestamp_authority).transpose()?;
    anyhow::ensure!(authority.is_none() || target.is_dir(), "{} is not a data folder: --timestamp-ca is for one", target.display());
    let known = Options { trusted, remembered, policy, resume, ..Options::default() };
    let bar = progress_bar();
    let mut progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let layout = Layout::new(&target).with_database(context.config.database.database()?).with_bucket(context.config.segments.bucket()?);
    let report = match range {
        Some(range) => verify_range(&layout, &range, &known, &mut progress),
        None if target.is_dir() => {
            let mut report = verify(&layout, &known, &mut progress);
            let origin = report.log.clone();
            stamp::check_kept(&layout, &origin, authority.as_ref(), &mut report);
            report
        }
        None => match open(&target) {
            Ok(Target::Proof(text)) => proof::verify(&target.display().to_string(), &text, known.trusted.as_ref(), known.policy.as_ref()),
            Ok(Target::Other(_)) if known.policy.is_some() => {
                anyhow::bail!("--policy is for a data folder or a proof file; {} is neither", target.display())
            }
            Ok(Target::Other(file)) => verify_pack(std::io::BufReader::new(file), known.trusted, &mut progress),
            Err(error) => {
                let mut report = Report::new();
                report.unknown(Place::file(target.display().to_string()), error.to_string());
                report
            }
        },
    };
    bar.finish_and_clear();
    Ok(report)
}

/// A file that is to be verified.
enum Target {
    Proof(String),
    Other(File),
}

/// Opens a file and looks what it is. Packs are long and read in pieces, proofs are short.
fn open(target: &Path) -> std::io::Result<Target> {
    const LONGEST_PROOF: u64 = 16 << 20;
    let mut file = File::open(target)?;
    let mut beginning = Vec::new();
    file.by_ref().take(64).read_to_end(&mut beginning)?;
    file.rewind()?;
    if !proof::is_proof_file(&beginning) {
        return Ok(Target::Other(file));
    }
    let mut text = Vec::new();
    file.take(LONGEST_PROOF).read_to_end(&mut text)?;
    Ok(Target::Proof(String::from_utf8_lossy(&text).into_owned()))
}

pub(crate) fn read_key(text: &str) -> anyhow::Result<VerifierKey> {
    let from_file =
        Path::new(text).is_file().then(|| std::fs::read_to_string(text)).transpose().with_context(|| format!("cannot read {text}"))?;
    from_file.as_deref().unwrap_or(text).trim().parse().context("--trusted-key")
}

fn progress_bar() -> ProgressBar {
    // indicatif draws on standard error, and only when that is a terminal.
    styled(ProgressBar::no_length())
}

/// A bar that counts entries.
pub(crate) fn styled(bar: ProgressBar) -> ProgressBar {
    match ProgressStyle::with_template("{bar:32} {human_pos}/{human_len} entries {eta} {msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
