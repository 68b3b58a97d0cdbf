//! `privyseal verify`: a data folder or an evidence pack, from bytes alone.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use privyseal_core::note::VerifierKey;
use privyseal_evidence::pack::verify_pack;
use privyseal_ledger::layout::Layout;
use privyseal_ledger::verify::{Place, Report, verify_folder};

use crate::cli::{self, Format};
use crate::context::Context;
use crate::output;

/// Runs `verify`. Exit 0 verified, 1 tampered, 2 could not tell.
///
/// # Errors
/// When the options cannot be used.
pub(crate) fn run(context: &Context, options: &cli::Verify) -> anyhow::Result<ExitCode> {
    if let Some(file) = &options.disclosure {
        return super::disclose::verify(context, file, options.target.as_deref());
    }
    let target: PathBuf = options.target.clone().unwrap_or_else(|| context.data.clone());
    let trusted = options.trusted_key.as_deref().map(read_key).transpose()?;
    let bar = progress_bar();
    let mut progress = |done: u64, total: u64| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let report = if target.is_dir() {
        verify_folder(&Layout::new(&target), trusted, &mut progress)
    } else {
        match std::fs::read(&target) {
            Ok(bytes) => verify_pack(&bytes, trusted, &mut progress),
            Err(error) => {
                let mut report = Report::new();
                report.unknown(Place::file(target.display().to_string()), error.to_string());
                report
            }
        }
    };
    bar.finish_and_clear();
    match context.global.format {
        Some(Format::Json) => output::data(&serde_json::to_string_pretty(&report)?),
        _ => output::data(&report.to_string()),
    }
    Ok(ExitCode::from(report.verdict.exit_code()))
}

fn read_key(text: &str) -> anyhow::Result<VerifierKey> {
    let from_file =
        Path::new(text).is_file().then(|| std::fs::read_to_string(text)).transpose().with_context(|| format!("cannot read {text}"))?;
    from_file.as_deref().unwrap_or(text).trim().parse().context("--trusted-key")
}

fn progress_bar() -> ProgressBar {
    // indicatif draws on standard error, and only when that is a terminal.
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {human_pos}/{human_len} entries {eta}") {
        bar.set_style(style);
    }
    bar
}
