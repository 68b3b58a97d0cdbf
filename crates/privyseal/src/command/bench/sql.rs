//! `privyseal bench sql`: a large ledger, and questions to it.

mod make;
mod template;

use std::path::Path;

use crate::cli::BenchSql;

/// Runs what the options ask for.
///
/// # Errors
/// When a ledger cannot be made or read.
pub(super) fn run(_runtime: &tokio::runtime::Runtime, _scratch: &Path, options: &BenchSql) -> anyhow::Result<()> {
    match (&options.make, &options.from) {
        (Some(folder), Some(source)) => make::make(folder, source, options.events),
        _ => anyhow::bail!("name a new folder with --make and a demonstration's with --from"),
    }
}
