//! Cryptography in SQL: what an auditor needs to check hashes, signatures and passkeys without leaving the console.
//!
//! A check gives NULL when an argument is missing, `false` when something is there and does not verify.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, BooleanBuilder, FixedSizeBinaryBuilder, StringBuilder};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use privyseal_core::digest::{self, Digest};
use privyseal_core::event::directory::CredentialKey;
use privyseal_core::event::request::Assertion;
use privyseal_core::event::{self, Kind};
use privyseal_core::note::{Checkpoint, VerifierKey};
use privyseal_core::{tree, webauthn};

use super::args::{TextColumn, array, bytes};

/// `leaf_hash(entry)`.
pub(super) fn leaf_hash(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [entry] = args else { return exec_err!("`leaf_hash` takes an entry") };
    let entry = bytes(entry, rows)?;
    let mut column = FixedSizeBinaryBuilder::with_capacity(rows, 32);
    for row in 0..entry.len() {
        if entry.is_null(row) { column.append_null() } else { column.append_value(tree::leaf_hash(entry.value(row)).as_bytes())? }
    }
    Ok(array(column.finish()))
}

/// The last key that was parsed: columns of keys mostly hold one key over and over.
#[derive(Default)]
struct Keys {
    last: Option<(String, Option<VerifierKey>)>,
}

impl Keys {
    fn get(&mut self, text: &str) -> Option<&VerifierKey> {
        if self.last.as_ref().is_none_or(|(known, _)| known != text) {
            self.last = Some((text.to_owned(), text.parse().ok()));
        }
        self.last.as_ref().and_then(|(_, key)| key.as_ref())
    }
}

/// `verify_signature(entry, signature, key)`.
pub(super) fn verify_signature(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [entry, signature, key] = args else { return exec_err!("`verify_signature` takes an entry, a signature and a key") };
    let (entry, signature, keys) = (bytes(entry, rows)?, bytes(signature, rows)?, TextColumn::of(key, rows)?);
    let mut known = Keys::default();
    Ok(array(verdicts(rows, |row| {
        let key = keys.get(row)?;
        if entry.is_null(row) || signature.is_null(row) {
            return None;
        }
        let message = event::signed_message(&tree::leaf_hash(entry.value(row)));
        Some(known.get(key).is_some_and(|key| key.verify(&message, signature.value(row))))
    })))
}

/// `verify_checkpoint(note, origin, key)`.
pub(super) fn verify_checkpoint(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [note, origin, key] = args else { return exec_err!("`verify_checkpoint` takes a note, an origin and a key") };
    let (notes, origins, keys) = (TextColumn::of(note, rows)?, TextColumn::of(origin, rows)?, TextColumn::of(key, rows)?);
    let mut known = Keys::default();
    Ok(array(verdicts(rows, |row| {
        let (note, origin, key) = (notes.get(row)?, origins.get(row)?, keys.get(row)?);
        Some(known.get(key).is_some_and(|key| Checkpoint::open(note, origin, key).is_ok()))
    })))
}

/// `verify_passkey(context, statement, assertion, credential_key)`: the passkey signed exactly this statement.
pub(super) fn verify_passkey(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [context, statement, assertion, key] = args else {
        return exec_err!("`verify_passkey` takes a context, a statement, an assertion and the public part of a credential");
    };
    let (contexts, statements) = (TextColumn::of(context, rows)?, TextColumn::of(statement, rows)?);
    let (assertions, keys) = (TextColumn::of(assertion, rows)?, TextColumn::of(key, rows)?);
    Ok(array(verdicts(rows, |row| {
        let (context, statement) = (contexts.get(row)?, statements.get(row)?);
        let (assertion, key) = (assertions.get(row)?, keys.get(row)?);
        // The statement is the canonical text as it stands in the entry, so its bytes are what was signed.
        let challenge = Digest::of_parts(&[context.as_bytes(), b"\n", statement.as_bytes()]);
        let assertion: Option<Assertion> = serde_json::from_str(assertion).ok();
        let key: Option<CredentialKey> = serde_json::from_str(key).ok();
        Some(assertion.zip(key).is_some_and(|(assertion, key)| webauthn::verify(&key, &assertion, challenge.as_bytes()).is_ok()))
    })))
}

/// `is_signed_kind(kind)`.
pub(super) fn is_signed_kind(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [kind] = args else { return exec_err!("`is_signed_kind` takes a kind") };
    let kinds = TextColumn::of(kind, rows)?;
    let result = verdicts(kinds.len(), |row| Kind::from_name(kinds.get(row)?).map(Kind::is_signed));
    kinds.result(Arc::new(result))
}

/// `sample_rank(seed, id)`: the hex SHA-256 of `seed|id`, by which a sample is drawn.
pub(super) fn sample_rank(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [seed, id] = args else { return exec_err!("`sample_rank` takes a seed and an id") };
    let (seeds, ids) = (TextColumn::of(seed, rows)?, TextColumn::of(id, rows)?);
    let mut column = StringBuilder::with_capacity(rows, rows * 64);
    for row in 0..rows {
        let rank = seeds.get(row).zip(ids.get(row)).map(|(seed, id)| Digest::of_parts(&[seed.as_bytes(), b"|", id.as_bytes()]).hex());
        column.append_option(rank);
    }
    Ok(array(column.finish()))
}

/// `hex(bytes)` and `base64url(bytes)`.
pub(super) fn encode(args: &[ColumnarValue], rows: usize, encode: fn(&[u8]) -> String) -> Result<ColumnarValue> {
    let [value] = args else { return exec_err!("this function takes bytes") };
    let value = bytes(value, rows)?;
    let mut column = StringBuilder::with_capacity(rows, rows * 64);
    for row in 0..value.len() {
        column.append_option((!value.is_null(row)).then(|| encode(value.value(row))));
    }
    Ok(array(column.finish()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    digest::hex(bytes)
}

pub(super) fn base64url(bytes: &[u8]) -> String {
    digest::base64url(bytes)
}

fn verdicts(rows: usize, mut verdict: impl FnMut(usize) -> Option<bool>) -> BooleanArray {
    let mut column = BooleanBuilder::with_capacity(rows);
    for row in 0..rows {
        column.append_option(verdict(row));
    }
    column.finish()
}
