//! PostgreSQL's functions about its catalogue, as far as clients call them. Lists are texts in PostgreSQL's own form, `{a,b}`.

use std::sync::Arc;

use regex::RegexBuilder;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use super::{Kind, Names};

/// Functions about the session or the catalogue; a query that calls only these (and general ones) is for the catalogue.
const OF_SESSION: &[&str] = &[
    "array_to_string",
    "col_description",
    "current_catalog",
    "current_database",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_user",
    "format_type",
    "has_any_column_privilege",
    "has_column_privilege",
    "has_database_privilege",
    "has_foreign_data_wrapper_privilege",
    "has_function_privilege",
    "has_language_privilege",
    "has_schema_privilege",
    "has_sequence_privilege",
    "has_server_privilege",
    "has_table_privilege",
    "has_tablespace_privilege",
    "has_type_privilege",
    "inet_client_addr",
    "inet_client_port",
    "inet_server_addr",
    "inet_server_port",
    "obj_description",
    "pg_backend_pid",
    "pg_client_encoding",
    "pg_collation_is_visible",
    "pg_conversion_is_visible",
    "pg_database_size",
    "pg_encoding_to_char",
    "pg_function_is_visible",
    "pg_get_constraintdef",
    "pg_get_expr",
    "pg_get_function_arg_default",
    "pg_get_function_arguments",
    "pg_get_function_identity_arguments",
    "pg_get_function_result",
    "pg_get_functiondef",
    "pg_get_indexdef",
    "pg_get_partition_constraintdef",
    "pg_get_partkeydef",
    "pg_get_ruledef",
    "pg_get_serial_sequence",
    "pg_get_statisticsobjdef_columns",
    "pg_get_triggerdef",
    "pg_get_userbyid",
    "pg_get_viewdef",
    "pg_has_role",
    "pg_indexes_size",
    "pg_is_in_recovery",
    "pg_is_other_temp_schema",
    "pg_is_wal_replay_paused",
    "pg_my_temp_schema",
    "pg_opclass_is_visible",
    "pg_operator_is_visible",
    "pg_opfamily_is_visible",
    "getdatabaseencoding",
    "pg_postmaster_start_time",
    "pg_relation_is_publishable",
    "pg_relation_size",
    "pg_size_pretty",
    "pg_stat_get_numscans",
    "pg_statistics_obj_is_visible",
    "pg_table_is_visible",
    "pg_table_size",
    "pg_tablespace_location",
    "pg_tablespace_size",
    "pg_total_relation_size",
    "pg_ts_config_is_visible",
    "pg_ts_dict_is_visible",
    "pg_ts_parser_is_visible",
    "pg_ts_template_is_visible",
    "pg_type_is_visible",
    "quote_ident",
    "session_user",
    "set_config",
    "shobj_description",
    "to_regclass",
    "to_regtype",
    "txid_current",
    "user",
    "version",
];

/// Functions that SQLite has and that mean the same, and our own of general use.
const GENERAL: &[&str] = &[
    "abs",
    "array_agg",
    "array_length",
    "array_lower",
    "array_upper",
    "avg",
    "bool_and",
    "bool_or",
    "cardinality",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "dense_rank",
    "first_value",
    "lag",
    "lead",
    "length",
    "char_length",
    "lower",
    "ltrim",
    "max",
    "min",
    "nullif",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "string_agg",
    "strpos",
    "substr",
    "substring",
    "sum",
    "trim",
    "btrim",
    "upper",
];

/// Whether a function tells something of the session or the catalogue.
pub(in crate::postgres) fn is_of_session(name: &str) -> bool {
    OF_SESSION.contains(&name)
}

/// Whether a query about the catalogue may call it.
pub(in crate::postgres) fn is_known(name: &str) -> bool {
    is_of_session(name) || GENERAL.contains(&name)
}

/// What a function gives, where that is always the same.
pub(super) fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "count"
        | "row_number"
        | "rank"
        | "dense_rank"
        | "pg_relation_size"
        | "pg_table_size"
        | "pg_total_relation_size"
        | "pg_indexes_size"
        | "pg_database_size"
        | "txid_current" => Kind::Int8,
        "pg_backend_pid" | "length" | "char_length" | "array_length" | "array_upper" | "array_lower" | "cardinality" | "strpos"
        | "inet_server_port" | "inet_client_port" => Kind::Int4,
        "pg_my_temp_schema" | "to_regclass" | "to_regtype" => Kind::Oid,
        "current_schema" | "current_database" | "current_user" | "session_user" | "user" | "current_catalog" | "current_role"
        | "pg_get_userbyid" => Kind::Name,
        "pg_is_in_recovery" | "bool_and" | "bool_or" => Kind::Bool,
        name if name.ends_with("_is_visible") || name.starts_with("has_") || name.starts_with("pg_is_") => Kind::Bool,
        "coalesce" | "nullif" | "max" | "min" | "sum" | "avg" | "abs" | "round" | "lag" | "lead" | "first_value" => return None,
        _ => Kind::Text,
    })
}

/// The name that the SQL standard gives a type.
pub(super) fn long_name(name: &str) -> String {
    if let Some(item) = name.strip_prefix('_') {
        return format!("{}[]", long_name(item));
    }
    match name {
        "bool" => "boolean",
        "int2" => "smallint",
        "int4" => "integer",
        "int8" => "bigint",
        "float4" => "real",
        "float8" => "double precision",
        "bpchar" => "character",
        "varchar" => "character varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        "char" => "\"char\"",
        other => other,
    }
    .to_owned()
}

fn text(context: &Context<'_>, place: usize) -> Option<String> {
    if place >= context.len() {
        return None;
    }
    match context.get_raw(place) {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string()),
        ValueRef::Real(number) => Some(number.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn integer(context: &Context<'_>, place: usize) -> Option<i64> {
    text(context, place)?.trim().parse().ok()
}

/// A name in quotes and with its schema, as it is looked up.
fn unquoted(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').map(|part| part.trim().trim_matches('"')).collect();
    match parts.as_slice() {
        ["public" | "pg_catalog", rest @ ..] => rest.join("."),
        all => all.join("."),
    }
}

impl Names {
    /// The number of a table, by its name or its number as text.
    fn class(&self, text: &str) -> Option<i64> {
        text.trim().parse().ok().or_else(|| self.classes.get(&unquoted(text)).copied())
    }

    fn type_named(&self, text: &str) -> Option<i64> {
        let name = unquoted(text);
        if let Ok(number) = name.parse() {
            return Some(number);
        }
        self.types.iter().find(|(_, known)| **known == name || long_name(known) == name).map(|(oid, _)| *oid)
    }
}

/// The items of a list in PostgreSQL's text form; none of ours holds a comma or quotes.
fn items(list: &str) -> Vec<String> {
    // `indkey` and its like are written without braces.
    let inner = list.trim().trim_start_matches('{').trim_end_matches('}');
    let separator = if list.trim_start().starts_with('{') { ',' } else { ' ' };
    inner.split(separator).map(|item| item.trim().trim_matches('"').to_owned()).filter(|item| !item.is_empty()).collect()
}

struct Collect;

impl Aggregate<Vec<String>, Option<String>> for Collect {
    fn init(&self, _: &mut Context<'_>) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn step(&self, context: &mut Context<'_>, collected: &mut Vec<String>) -> Result<()> {
        collected.push(text(context, 0).unwrap_or_else(|| "NULL".to_owned()));
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, collected: Option<Vec<String>>) -> Result<Option<String>> {
        Ok(collected.map(|items| format!("{{{}}}", items.join(","))))
    }
}

/// Makes the functions known to a connection.
pub(super) fn register(connection: &Connection, names: &Arc<Names>) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    for name in OF_SESSION {
        let name = *name;
        // What a ledger has not has no definition, and nothing here has a size.
        if name.starts_with("pg_get_")
            || name.starts_with("inet_")
            || matches!(name, "shobj_description" | "pg_postmaster_start_time" | "pg_tablespace_location")
        {
            connection.create_scalar_function(name, -1, flags, |_| Ok(None::<String>))?;
        } else if name.ends_with("_size")
            || name.starts_with("pg_is_")
            || matches!(name, "pg_my_temp_schema" | "txid_current" | "pg_stat_get_numscans" | "pg_relation_is_publishable")
        {
            connection.create_scalar_function(name, -1, flags, |_| Ok(0_i64))?;
        } else if name.ends_with("_is_visible") || name == "pg_has_role" {
            connection.create_scalar_function(name, -1, flags, |_| Ok(1_i64))?;
        } else if name.starts_with("has_") {
            connection.create_scalar_function(name, -1, flags, |context| {
                let asked = text(context, context.len().saturating_sub(1)).unwrap_or_default().to_uppercase();
                Ok(i64::from(["SELECT", "USAGE", "CONNECT", "EXECUTE"].iter().any(|granted| asked.contains(granted))))
            })?;
        }
    }
    connection.create_scalar_function("pg_get_userbyid", -1, flags, |_| Ok("privyseal"))?;
    connection.create_scalar_function("pg_encoding_to_char", 1, flags, |_| Ok("UTF8"))?;
    connection.create_scalar_function("getdatabaseencoding", 0, flags, |_| Ok("UTF8"))?;
    connection.create_scalar_function("pg_client_encoding", 0, flags, |_| Ok("UTF8"))?;
    connection.create_scalar_function("pg_size_pretty", 1, flags, |context| Ok(text(context, 0).map(|size| format!("{size} bytes"))))?;
    connection.create_scalar_function("current_schema", 0, flags, |_| Ok("public"))?;
    connection.create_scalar_function("current_schemas", 1, flags, |context| {
        Ok(if integer(context, 0) == Some(0) { "{public}" } else { "{pg_catalog,public}" })
    })?;
    connection.create_scalar_function("current_database", 0, flags, |_| Ok("privyseal"))?;
    connection.create_scalar_function("current_catalog", 0, flags, |_| Ok("privyseal"))?;
    connection.create_scalar_function("version", 0, flags, |_| {
        Ok(format!("PostgreSQL {} (Privyseal {})", crate::postgres::settings::VERSION, env!("CARGO_PKG_VERSION")))
    })?;
    connection.create_scalar_function("set_config", -1, flags, |context| Ok(text(context, 1)))?;
    connection.create_scalar_function("quote_ident", 1, flags, |context| {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        Ok(text(context, 0).map(|name| if plain(&name) { name } else { format!("\"{}\"", name.replace('"', "\"\"")) }))
    })?;
    let known = Arc::clone(names);
    connection.create_scalar_function("format_type", 2, flags, move |context| {
        let Some(oid) = integer(context, 0) else { return Ok(None) };
        Ok(Some(known.types.get(&oid).map_or_else(|| "???".to_owned(), |name| long_name(name))))
    })?;
    let known = Arc::clone(names);
    connection.create_scalar_function("obj_description", -1, flags, move |context| {
        Ok(integer(context, 0).and_then(|oid| known.descriptions.get(&(oid, 0)).cloned()))
    })?;
    let known = Arc::clone(names);
    connection.create_scalar_function("col_description", 2, flags, move |context| {
        let place = integer(context, 0).zip(integer(context, 1)).filter(|(_, column)| *column > 0);
        Ok(place.and_then(|place| known.descriptions.get(&place).cloned()))
    })?;
    casts(connection, names, flags)?;
    lists(connection, flags)?;
    connection.create_scalar_function("pg_regex", 4, flags, |context| {
        let (Some(value), Some(pattern)) = (text(context, 0), text(context, 1)) else { return Ok(None) };
        let regex = RegexBuilder::new(&pattern).case_insensitive(integer(context, 2) == Some(1)).size_limit(1 << 20).build();
        let regex = regex.map_err(|_| rusqlite::Error::UserFunctionError("a pattern cannot be used".into()))?;
        Ok(Some(i64::from(regex.is_match(&value) != (integer(context, 3) == Some(1)))))
    })
}

/// The types that are numbers of things and are shown as names.
fn casts(connection: &Connection, names: &Arc<Names>, flags: FunctionFlags) -> Result<()> {
    for (function, is_lookup) in [("as_regclass", false), ("to_regclass", true)] {
        let known = Arc::clone(names);
        connection.create_scalar_function(function, 1, flags, move |context| -> Result<rusqlite::types::Value> {
            if let (ValueRef::Integer(number), false) = (context.get_raw(0), is_lookup) {
                return Ok(known.class_names.get(&number).map_or_else(|| number.to_string(), Clone::clone).into());
            }
            let Some(name) = text(context, 0) else { return Ok(rusqlite::types::Value::Null) };
            match (known.class(&name), is_lookup) {
                (Some(oid), _) => Ok(oid.into()),
                (None, true) => Ok(rusqlite::types::Value::Null),
                (None, false) => Err(rusqlite::Error::UserFunctionError(format!("no table `{}`", name.escape_debug()).into())),
            }
        })?;
    }
    for function in ["as_regtype", "to_regtype"] {
        let known = Arc::clone(names);
        connection.create_scalar_function(function, 1, flags, move |context| -> Result<rusqlite::types::Value> {
            if let ValueRef::Integer(number) = context.get_raw(0) {
                return Ok(known.types.get(&number).map_or_else(|| number.to_string(), |name| long_name(name)).into());
            }
            Ok(text(context, 0).and_then(|name| known.type_named(&name)).map_or(rusqlite::types::Value::Null, Into::into))
        })?;
    }
    let known = Arc::clone(names);
    connection.create_scalar_function("as_oid", 1, flags, move |context| {
        Ok(text(context, 0).and_then(|name| known.class(&name).or_else(|| known.type_named(&name))))
    })?;
    connection.create_scalar_function("as_bool", 1, flags, |context| {
        Ok(text(context, 0).map(|text| i64::from(matches!(text.to_ascii_lowercase().as_str(), "t" | "true" | "1" | "on" | "yes" | "y"))))
    })
}

fn lists(connection: &Connection, flags: FunctionFlags) -> Result<()> {
    connection.create_scalar_function("list_of", -1, flags, |context| {
        let items: Vec<String> = (0..context.len()).map(|place| text(context, place).unwrap_or_else(|| "NULL".to_owned())).collect();
        Ok(format!("{{{}}}", items.join(",")))
    })?;
    connection.create_scalar_function("list_has", 2, flags, |context| {
        let (Some(list), Some(item)) = (text(context, 0), text(context, 1)) else { return Ok(None) };
        Ok(Some(i64::from(items(&list).contains(&item))))
    })?;
    connection.create_scalar_function("list_item", 2, flags, |context| {
        let (Some(list), Some(place)) = (text(context, 0), integer(context, 1)) else { return Ok(None) };
        // `{a,b}` counts from 1; `a b`, as in `indkey`, from 0.
        let place = if list.starts_with('{') { place - 1 } else { place };
        Ok(usize::try_from(place).ok().and_then(|place| items(&list).into_iter().nth(place)))
    })?;
    connection.create_scalar_function("array_to_string", -1, flags, |context| {
        Ok(text(context, 0).zip(text(context, 1)).map(|(list, separator)| items(&list).join(&separator)))
    })?;
    for name in ["array_length", "array_upper", "cardinality"] {
        connection.create_scalar_function(name, -1, flags, |context| {
            Ok(text(context, 0).map(|list| i64::try_from(items(&list).len()).unwrap_or(i64::MAX)).filter(|length| *length > 0))
        })?;
    }
    connection.create_scalar_function("array_lower", -1, flags, |context| Ok(text(context, 0).map(|_| 1_i64)))?;
    connection.create_aggregate_function("array_agg", 1, flags, Collect)
}
