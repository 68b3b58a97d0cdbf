//! `privyseal witness serve`: a small witness for people who run their own.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use privyseal_core::note::VerifierKey;
use privyseal_engine::{Entropy as _, OsEntropy, SystemClock};
use privyseal_ledger::cosigner::Cosigner;

use super::serve::{bind, told_to_stop};
use crate::{cli, local, output};

/// Runs `witness serve`.
///
/// # Errors
/// When the folder or the port is in use, or a key cannot be read.
pub(crate) fn serve(options: &cli::WitnessServe) -> anyhow::Result<ExitCode> {
    let mut keys = Vec::new();
    for text in &options.logs {
        let key: VerifierKey = text.trim().parse().with_context(|| format!("--log `{}`", text.escape_debug()))?;
        keys.push(key);
    }
    if let Some(file) = &options.policy {
        keys.extend(local::witness_policy(file)?.log_keys().cloned());
    }
    anyhow::ensure!(
        !keys.is_empty(),
        "no log is named: give --log VKEY, or a --policy with `log` lines; `privyseal keys list` prints a log's key"
    );
    let seed = OsEntropy.seed().map_err(anyhow::Error::msg)?;
    let cosigner = Arc::new(Cosigner::open(&options.state, &options.name, &seed, &keys)?);
    output::data(&cosigner.key().to_string());
    local::runtime()?.block_on(async {
        let told_to_stop = told_to_stop()?;
        let listener = bind(&options.listen)?;
        let address = listener.local_addr().context("the port cannot be told")?;
        output::note(&format!("a witness of {} key(s) listens on http://{address}", keys.len()));
        let listener = tokio::net::TcpListener::from_std(listener).context("the socket cannot be used")?;
        let router = privyseal_portal::witness_router(cosigner, Arc::<SystemClock>::default());
        privyseal_portal::serve(listener, router, told_to_stop).await.context("the witness failed")
    })?;
    Ok(ExitCode::SUCCESS)
}
