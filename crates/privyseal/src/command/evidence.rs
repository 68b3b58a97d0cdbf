//! `privyseal evidence build`: a pack from a data folder, with or without a server on it.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use indicatif::ProgressBar;
use privyseal_core::finding::TestState;
use privyseal_core::port::{PackOrder, PackProgress, Packs as _};
use privyseal_core::time::{Period, Timestamp};
use privyseal_engine::SystemClock;
use serde_json::json;

use crate::cli::{self, Format};
use crate::command::verify;
use crate::context::Context;
use crate::packs::PackBuilder;
use crate::{local, output};

/// Builds a pack and writes it. The file is there whole or not at all.
///
/// # Errors
/// When a framework is unknown, the period is empty, or the pack cannot be built or written.
pub(crate) fn build(context: &Context, options: &cli::EvidenceBuild) -> anyhow::Result<ExitCode> {
    let from = Timestamp::parse_lenient(&options.from).context("--from")?;
    let to = Timestamp::parse_lenient(&options.to).context("--to")?;
    let period = Period::new(from, to)?;
    let analytics = Arc::new(local::sql_engine(context)?);
    let builder = PackBuilder::new(context.layout(), analytics, Arc::<SystemClock>::default());
    let order = PackOrder { frameworks: options.frameworks.clone(), period, file: options.out.clone() };
    let bar = Arc::new(Bar::new());
    let pack = local::runtime()?.block_on(builder.build(&order, bar.clone()))?;
    bar.0.finish_and_clear();
    if context.global.format == Some(Format::Json) {
        output::data(&serde_json::to_string_pretty(&json!({
            "file": options.out, "bytes": pack.bytes, "file_sha256": pack.file_sha256.hex(), "pack_digest": pack.pack_digest.hex(),
        }))?);
        return Ok(ExitCode::SUCCESS);
    }
    for framework in &pack.findings.frameworks {
        let tested = framework.controls.iter().filter_map(|control| control.state);
        let count = |wanted: TestState| tested.clone().filter(|state| *state == wanted).count();
        let states: Vec<String> = TestState::ALL
            .iter()
            .filter(|state| count(**state) > 0)
            .map(|state| format!("{} {}", count(*state), state.label().to_lowercase()))
            .collect();
        output::note(&format!("{}: {} controls tested: {}", framework.name, tested.clone().count(), states.join(", ")));
    }
    output::note(&format!("wrote {} ({} bytes, digest {})", options.out.display(), pack.bytes, pack.pack_digest.hex()));
    output::note(&format!("check it: privyseal verify {}", options.out.display()));
    Ok(ExitCode::SUCCESS)
}

/// Drawn on standard error, and only when that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        let bar = ProgressBar::no_length();
        bar.set_message("running the control tests");
        Self(verify::styled(bar))
    }
}

impl PackProgress for Bar {
    fn written(&self, entries: u64, of: u64) {
        self.0.set_length(of);
        self.0.set_position(entries);
    }
}
