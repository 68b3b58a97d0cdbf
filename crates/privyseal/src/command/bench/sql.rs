//! `privyseal bench sql`: a large ledger, twelve questions to it beside DuckDB, and SQL beside a queue that is at work.

mod compare;
mod live;
mod make;
mod side;
mod template;

pub(super) use side::answer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use privyseal_analytics::{Engine as SqlEngine, Options as SqlOptions};
use privyseal_ledger::layout::Layout;

use crate::cli::BenchSql;
use crate::content::Embedded;

/// Runs what the options ask for.
///
/// # Errors
/// When a ledger cannot be made or read, or the two engines answer differently.
pub(super) fn run(runtime: &tokio::runtime::Runtime, scratch: &Path, options: &BenchSql) -> anyhow::Result<()> {
    let time = Duration::from_secs(options.seconds);
    match (&options.make, &options.from, &options.folder) {
        (Some(folder), Some(source), _) => make::make(folder, source, options.events),
        (None, _, Some(folder)) => {
            compare::run(scratch, folder, options)?;
            if options.write { live::run(runtime, scratch, Some(folder), time) } else { Ok(()) }
        }
        _ => live::run(runtime, scratch, None, time),
    }
}

/// SQL over a data folder, as a server would have it, but with other memory.
fn sql_engine(folder: &Path, memory_mib: u64) -> anyhow::Result<SqlEngine> {
    let memory_bytes = usize::try_from(memory_mib.saturating_mul(1 << 20)).unwrap_or(usize::MAX);
    let options = SqlOptions {
        layout: Layout::new(folder),
        content: Arc::new(Embedded),
        memory_bytes,
        spill_bytes: 16 << 30,
        scratch: std::env::temp_dir(),
        threads: threads(),
    };
    Ok(SqlEngine::open(options)?)
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
