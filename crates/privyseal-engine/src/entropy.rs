//! Where randomness comes from: the operating system, or a seed in demonstrations and tests.

use std::sync::atomic::{AtomicU64, Ordering};

use privyseal_core::digest::Digest;

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// 32 bytes that nobody can foresee.
    ///
    /// # Errors
    /// When the operating system gives none; nothing may go on without them.
    fn seed(&self) -> Result<[u8; 32], String>;
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn seed(&self) -> Result<[u8; 32], String> {
        let mut bytes = [0; 32];
        #[expect(clippy::disallowed_methods, reason = "this is the source that the others are told to draw from")]
        getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gives no random numbers: {error}"))?;
        Ok(bytes)
    }
}

/// Reproducible bytes from a seed. For demonstrations and tests only: whoever knows the seed knows every secret.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The source of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn seed(&self) -> Result<[u8; 32], String> {
        let count = self.drawn.fetch_add(1, Ordering::SeqCst);
        Ok(*Digest::of_parts(&[b"privyseal/seeded/v1\n", &self.seed.to_be_bytes(), &count.to_be_bytes()]).as_bytes())
    }
}
