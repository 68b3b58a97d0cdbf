//! Our functions with their documentation. Every example is run by a test.

use std::sync::Arc;

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::logical_expr::{ScalarUDF, Signature, Volatility};
use privyseal_core::port::FunctionDoc;
use privyseal_ledger::layout::Layout;

use super::json::{self, FieldsFunction, Kind};
use super::{Function, crypto, person, proofs, rules, time};
use crate::functions::args::time_type;

macro_rules! doc {
    ($name:literal, $usage:literal, $meaning:literal, $example:literal, $result:literal) => {
        FunctionDoc { name: $name, usage: $usage, meaning: $meaning, example: $example, result: $result }
    };
}

const DOCS: &[FunctionDoc] = &[
    doc!(
        "json_text",
        "json_text(json text|bytes, step text, …) -> text",
        "A member of a JSON text as text: strings, numbers, truth values. NULL for lists, objects and hidden values. Steps into lists are numbers from 0.",
        r#"SELECT json_text('{"a":["x","y"]}', 'a', '1')"#,
        "\"y\""
    ),
    doc!(
        "json_int",
        "json_int(json text|bytes, step text, …) -> bigint",
        "An integer member of a JSON text.",
        r#"SELECT json_int('{"a":{"b":7}}', 'a', 'b')"#,
        "7"
    ),
    doc!(
        "json_bool",
        "json_bool(json text|bytes, step text, …) -> boolean",
        "A truth value in a JSON text.",
        r#"SELECT json_bool('{"a":true}', 'a')"#,
        "true"
    ),
    doc!(
        "json_time",
        "json_time(json text|bytes, step text, …) -> timestamp",
        "A moment in a JSON text, in the ledger's form.",
        r#"SELECT json_time('{"a":"2026-07-01T10:00:00.000000Z"}', 'a')"#,
        "\"2026-07-01T10:00:00.000000Z\""
    ),
    doc!(
        "json_list",
        "json_list(json text|bytes, step text, …) -> text[]",
        "A list in a JSON text as a list of texts. One step may be `*`: the members after it are taken from every item of the list there.",
        r#"SELECT json_list('{"a":[{"b":"x"},{"b":"y"}]}', 'a', '*', 'b')"#,
        r#"["x","y"]"#
    ),
    doc!(
        "json_value",
        "json_value(json text|bytes, step text, …) -> text",
        "The JSON text of whatever stands at a path.",
        r#"SELECT json_value('{"a":{"b":[1,2]}}', 'a')"#,
        r#""{\"b\":[1,2]}""#
    ),
    doc!(
        "leaf_hash",
        "leaf_hash(entry bytes) -> bytes",
        "The RFC 6962 leaf hash of an entry: SHA-256 of a zero byte and the entry.",
        "SELECT hex(leaf_hash(''))",
        "\"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d\""
    ),
    doc!(
        "verify_signature",
        "verify_signature(entry bytes, signature bytes, key text) -> boolean",
        "Whether the key (verifier-key text, as in the view `keys`) signed this entry; NULL when an argument is missing.",
        "SELECT verify_signature('{}', 'x', 'not a key')",
        "false"
    ),
    doc!(
        "root_at",
        "root_at(size bigint) -> text",
        "The root of the log's tree over its first `size` entries, base64url, taken from the hash tiles and proven to have grown into the published head. NULL for 0 and beyond the published head.",
        "SELECT root_at(0)",
        "null"
    ),
    doc!(
        "inclusion_proof",
        "inclusion_proof(seq bigint, size bigint) -> text[]",
        "The path (RFC 9162 section 2.1.3) from the entry at `seq` to the root over the first `size` entries, base64url. NULL when `seq` is not among them, and beyond the published head.",
        "SELECT inclusion_proof(7, 7)",
        "null"
    ),
    doc!(
        "verify_inclusion",
        "verify_inclusion(leaf bytes, seq bigint, size bigint, root text, proof text[]) -> boolean",
        "Whether the proof leads from the leaf at `seq` to the root over the first `size` entries (RFC 9162 section 2.1.3.2). Over events: verify_inclusion(leaf_hash(entry), seq, $n, root_at($n), inclusion_proof(seq, $n)).",
        "SELECT verify_inclusion(leaf_hash(''), 0, 1, base64url(leaf_hash('')), json_list('[]'))",
        "true"
    ),
    doc!(
        "digest_of_result",
        "digest_of_result(column, … ORDER BY …) -> text",
        "An aggregate: the digest (SHA-256 over canonical JSON of columns and rows, base64url) that the record of a statement with these columns and rows has, as in `queries.result_sha256`. Rows come in the order that ORDER BY names.",
        "SELECT digest_of_result(n ORDER BY n) FROM (SELECT 1 AS n UNION ALL SELECT 2 AS n)",
        "\"oXWZMLRkwK8Q7qZRi7Sn7b3oItsX8qGqhGx4FfD-QjA\""
    ),
    doc!(
        "verify_checkpoint",
        "verify_checkpoint(note text, origin text, key text) -> boolean",
        "Whether the note is a checkpoint of this origin signed by the key.",
        "SELECT verify_checkpoint('x', 'log.example', 'not a key')",
        "false"
    ),
    doc!(
        "verify_passkey",
        "verify_passkey(context text, statement text, assertion text, credential_key text) -> boolean",
        "Whether a passkey signed exactly this statement: context is `privyseal/review/v1` or `privyseal/breakglass-review/v1`, the others are JSON texts as they stand in the events.",
        "SELECT verify_passkey('privyseal/review/v1', '{}', '{}', '{}')",
        "false"
    ),
    doc!(
        "is_signed_kind",
        "is_signed_kind(kind text) -> boolean",
        "Whether events of this kind carry a signature of their own; NULL for kinds that do not exist.",
        "SELECT is_signed_kind('review.recorded')",
        "true"
    ),
    doc!(
        "sample_rank",
        "sample_rank(seed text, id text) -> text",
        "Hex SHA-256 of seed, `|` and id. Ordered by it, the first n rows are a sample that anyone can draw again in any engine.",
        "SELECT sample_rank('seed', 'id')",
        "\"3a2b5c6f32a011b078ca4758dd6328363e2fbfd4203975a2c515c44a648dcc86\""
    ),
    doc!("hex", "hex(value bytes) -> text", "Bytes as hex digits.", "SELECT hex('AZ')", "\"415a\""),
    doc!(
        "base64url",
        "base64url(value bytes) -> text",
        "Bytes as base64url without padding, the form of digests in events.",
        "SELECT base64url('AZ')",
        "\"QVo\""
    ),
    doc!(
        "utc",
        "utc(text) -> timestamp",
        "A moment from RFC 3339 text, or a date taken as midnight UTC.",
        "SELECT utc('2026-07-01')",
        "\"2026-07-01T00:00:00.000000Z\""
    ),
    doc!(
        "seconds",
        "seconds(bigint) -> interval",
        "A length of time, to be added to a moment.",
        "SELECT utc('2026-07-01') + seconds(90)",
        "\"2026-07-01T00:01:30.000000Z\""
    ),
    doc!(
        "business_days_after",
        "business_days_after(timestamp, days bigint) -> timestamp",
        "The same time of day, so many days from Monday to Friday later (UTC, no holidays).",
        "SELECT business_days_after(utc('2026-11-20'), 2)",
        "\"2026-11-24T00:00:00.000000Z\""
    ),
    doc!(
        "requirement_names",
        "requirement_names(requirement text, principal text, roles text[]) -> boolean",
        "Whether an account with these roles can fill a slot of the requirement.",
        r#"SELECT requirement_names('1 of group:dba', 'ana', json_list('["group:dba"]'))"#,
        "true"
    ),
    doc!(
        "requirement_filled",
        "requirement_filled(requirement text, slots text[]) -> boolean",
        "Whether some alternative of the requirement is filled completely by these slots.",
        r#"SELECT requirement_filled('2 of group:sre', json_list('["group:sre"]'))"#,
        "false"
    ),
    doc!(
        "slot_fits",
        "slot_fits(slot text, principal text, roles text[]) -> boolean",
        "Whether an account with these roles may fill the slot.",
        r#"SELECT slot_fits('group:dba|user:ben', 'ben', json_list('[]'))"#,
        "true"
    ),
    doc!(
        "blob_kept",
        "blob_kept(digest text) -> boolean",
        "Whether the ledger still has the file with this digest.",
        "SELECT blob_kept('47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU')",
        "false"
    ),
    doc!(
        "never_overlaps",
        "never_overlaps(view text, key text, from_seq bigint, before_to_seq bigint) -> boolean",
        "True when the row of a key begins where the row before it ended, or later, or when there is none before it (NULL). Otherwise the statement fails and names the view and the key: rows that overlap would multiply what is joined with them.",
        "SELECT never_overlaps('sessions', 'a', 7, 5)",
        "true"
    ),
    doc!(
        "fields",
        "fields(json text|bytes, members text) -> struct",
        "Many members of a JSON text in one pass: `name kind path` between commas, where kind is text, int, bool, time, list or json, and path is the name itself when left out.",
        r#"SELECT fields('{"a":{"b":"x"}}', 'n text a.b')['n']"#,
        "\"x\""
    ),
    person::DOC,
];

fn doc(name: &str) -> &'static FunctionDoc {
    const MISSING: &FunctionDoc = &doc!("undocumented", "", "", "", "");
    DOCS.iter().find(|doc| doc.name == name).unwrap_or(MISSING)
}

/// The function of this name, when it takes a member out of a JSON text.
pub(super) fn json(name: &str) -> Option<Arc<ScalarUDF>> {
    let kind = Kind::of(name)?;
    let signature = Signature::variadic_any(Volatility::Immutable);
    Some(Function::udf(doc(name), signature, kind.data_type(), move |args, rows| json::member(kind, args, rows)))
}

/// All of them, with their documentation.
pub(super) fn all(layout: &Layout) -> (Vec<Arc<ScalarUDF>>, Vec<FunctionDoc>) {
    let layout = layout.clone();
    let functions = vec![
        Arc::new(ScalarUDF::from(FieldsFunction::new())),
        Function::fixed(doc("leaf_hash"), 1, DataType::FixedSizeBinary(32), crypto::leaf_hash),
        Function::fixed(doc("verify_signature"), 3, DataType::Boolean, crypto::verify_signature),
        Function::fixed(doc("verify_inclusion"), 5, DataType::Boolean, proofs::verify_inclusion),
        Function::fixed(doc("root_at"), 1, DataType::Utf8, {
            let layout = layout.clone();
            move |args, rows| proofs::root_at(&layout, args, rows)
        }),
        Function::fixed(doc("inclusion_proof"), 2, Kind::List.data_type(), {
            let layout = layout.clone();
            move |args, rows| proofs::inclusion_proof(&layout, args, rows)
        }),
        Function::fixed(doc("verify_checkpoint"), 3, DataType::Boolean, crypto::verify_checkpoint),
        Function::fixed(doc("verify_passkey"), 4, DataType::Boolean, crypto::verify_passkey),
        Function::fixed(doc("is_signed_kind"), 1, DataType::Boolean, crypto::is_signed_kind),
        Function::fixed(doc("sample_rank"), 2, DataType::Utf8, crypto::sample_rank),
        Function::fixed(doc("hex"), 1, DataType::Utf8, |args, rows| crypto::encode(args, rows, crypto::hex)),
        Function::fixed(doc("base64url"), 1, DataType::Utf8, |args, rows| crypto::encode(args, rows, crypto::base64url)),
        Function::fixed(doc("utc"), 1, time_type(), time::utc),
        Function::fixed(doc("seconds"), 1, DataType::Interval(IntervalUnit::MonthDayNano), time::seconds),
        Function::fixed(doc("business_days_after"), 2, time_type(), time::business_days_after),
        Function::fixed(doc("requirement_names"), 3, DataType::Boolean, rules::requirement_names),
        Function::fixed(doc("requirement_filled"), 2, DataType::Boolean, rules::requirement_filled),
        Function::fixed(doc("slot_fits"), 3, DataType::Boolean, rules::slot_fits),
        Function::fixed(doc("never_overlaps"), 4, DataType::Boolean, rules::never_overlaps),
        Function::fixed(doc("blob_kept"), 1, DataType::Boolean, move |args, rows| rules::blob_kept(&layout, args, rows)),
    ];
    (functions.into_iter().chain(Kind::FUNCTIONS.iter().filter_map(|(name, _)| json(name))).collect(), DOCS.to_vec())
}
