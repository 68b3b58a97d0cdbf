//! x
use privyseal_policy::facts::statement::{SqlDialect, classify};
pub fn probe(t: &str) { let _ = classify(t, SqlDialect::PostgreSql); }
