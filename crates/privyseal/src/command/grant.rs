//! `privyseal grant verify`: what an executor checks before it runs anything, without asking anybody.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use privyseal_core::digest::Digest;
use privyseal_core::grant_token::{self, Expected, MAX_TOKEN_BYTES};
use privyseal_core::id::PrincipalId;
use privyseal_core::note::VerifierKey;
use privyseal_core::port::Clock as _;
use privyseal_engine::SystemClock;

use super::verify::read_key;
use crate::cli::GrantVerify;
use crate::output;

/// Prints the claims of a good token as JSON, or says what is wrong with it; exit 0 good, 1 not.
///
/// # Errors
/// When an option cannot be understood or the token cannot be read.
pub(crate) fn verify(options: &GrantVerify) -> anyhow::Result<ExitCode> {
    let keys: Vec<VerifierKey> = options.trusted_keys.iter().map(|key| read_key(key)).collect::<Result<_, _>>()?;
    let subject: PrincipalId = options.subject.parse().context("--subject")?;
    let action_digest: Digest = options.action_digest.parse().context("--action-digest")?;
    let token = match options.token.as_deref() {
        None | Some("-") => read_token()?,
        Some(token) => token.to_owned(),
    };
    let now = SystemClock::default().now();
    let expected = Expected {
        keys: &keys,
        now,
        tolerance_seconds: options.tolerance,
        subject: &subject,
        audience: options.audience.as_deref(),
        action_digest,
    };
    match grant_token::verify(token.trim(), &expected) {
        Ok(claims) => {
            output::data(&serde_json::to_string_pretty(&claims)?);
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            output::error(&error.to_string());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn read_token() -> anyhow::Result<String> {
    let limit = u64::try_from(MAX_TOKEN_BYTES).unwrap_or(u64::MAX) + 16;
    let mut text = String::new();
    std::io::stdin().lock().take(limit).read_to_string(&mut text).context("the token cannot be read from standard input")?;
    Ok(text)
}
