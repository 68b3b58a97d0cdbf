//! The effect of one statement by itself, without what is nested in it. Kinds that are not listed are unknown.

use sqlparser::ast::{AlterTableOperation, ContextModifier, CopyTarget, Expr, ObjectName, Set, Statement};
use sqlparser::tokenizer::Token;

use super::restricts::restricts;
use super::{Effect, StatementClass};

/// Names, or beginnings of names, of functions that run SQL or commands given as text, touch files or other servers, or end
/// the work of others: a SELECT that calls one can do anything.
const OUTSIDE: [&str; 32] = [
    "dblink",
    "query_to_xml",
    "cursor_to_xml",
    "pg_read_",
    "pg_ls_",
    "pg_stat_file",
    "pg_file_",
    "lo_",
    "pg_terminate_",
    "pg_cancel_",
    "pg_reload_",
    "pg_rotate_",
    "pg_switch_",
    "pg_promote",
    "pg_drop_",
    "pg_create_",
    "pg_copy_",
    "pg_logical_",
    "pg_replication_",
    "pg_wal_replay_",
    "load_file",
    "load_extension",
    "sys_exec",
    "sys_eval",
    "writefile",
    "readfile",
    "openrowset",
    "opendatasource",
    "openquery",
    "xp_",
    "sp_",
    "system$",
];

/// Settings whose change lifts a protection.
const GUARDS: [&str; 6] =
    ["session_replication_role", "row_security", "role", "session_authorization", "foreign_key_checks", "sql_log_bin"];

/// Pragmas of SQLite that only tell something, also when written like a call.
const TELLING_PRAGMAS: [&str; 10] = [
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "foreign_key_check",
    "integrity_check",
    "quick_check",
];

/// What calling a function adds to the statement it stands in. Functions are taken to be harmless unless they are known not to be:
/// what a function of the database's owner does cannot be read from here.
pub(super) fn of_call(function: &str) -> StatementClass {
    match function {
        "setval" => StatementClass::Write,
        "set_config" => StatementClass::Access,
        _ if OUTSIDE.iter().any(|name| function.starts_with(name)) => StatementClass::Unknown,
        _ => StatementClass::None,
    }
}

/// A statement that does not parse is unknown; its first words may still give away that it destroys or grants.
pub(super) fn of_unreadable(tokens: &[Token]) -> Effect {
    let mut words =
        tokens.iter().filter_map(|token| if let Token::Word(word) = token { Some(word.value.to_ascii_lowercase()) } else { None });
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if first == "pragma" && is_plain_pragma(tokens) {
        return Effect::of(if TELLING_PRAGMAS.contains(&second.as_str()) { StatementClass::Read } else { StatementClass::Write });
    }
    let destructive = matches!(first.as_str(), "drop" | "truncate");
    let grants = first == "grant" || (matches!(first.as_str(), "create" | "alter") && matches!(second.as_str(), "user" | "role" | "group"));
    Effect { destructive, grants, ..Effect::of(StatementClass::Unknown) }
}

/// `PRAGMA name = word` or `PRAGMA name(word)`, which the parser knows only with literals.
fn is_plain_pragma(tokens: &[Token]) -> bool {
    let mut plain = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_)));
    plain.clone().count() <= 5 && plain.all(|token| matches!(token, Token::Word(_) | Token::Eq | Token::LParen | Token::RParen))
}

/// An EXPLAIN that does not run what it explains.
pub(super) fn only_explains(statement: &Statement) -> bool {
    match statement {
        Statement::Explain { analyze, options, .. } => {
            let listed = options.iter().flatten().any(|option| option.name.value.eq_ignore_ascii_case("analyze"));
            !analyze && !listed
        }
        _ => false,
    }
}

pub(super) fn own(statement: &Statement) -> Effect {
    use StatementClass as Class;
    match statement {
        Statement::Grant(_)
        | Statement::CreateRole(_)
        | Statement::CreateUser(_)
        | Statement::AlterRole { .. }
        | Statement::AlterUser(_) => Effect::granting(),
        Statement::CreatePolicy(_) | Statement::AlterPolicy(_) | Statement::CreateServer(_) | Statement::CreateSecret { .. } => {
            Effect::granting()
        }
        Statement::Revoke(_) | Statement::Deny(_) => Effect::of(Class::Access),
        Statement::AlterTable(table) => table.operations.iter().fold(Effect::of(Class::Schema), |all, change| all.and(of_change(change))),
        Statement::Set(set) => of_set(set),
        _ => Effect::of(class(statement)),
    }
}

fn class(statement: &Statement) -> StatementClass {
    use StatementClass as Class;
    match statement {
        // What a query reads and what it hides is found by the walk.
        Statement::Query(_) | Statement::Explain { .. } | Statement::ExplainTable { .. } | Statement::Prepare { .. } => Class::Read,
        Statement::Directory { .. } | Statement::Unload { .. } | Statement::ExportData(_) | Statement::List(_) => Class::Read,
        Statement::ShowFunctions { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowStatus { .. }
        | Statement::ShowVariables { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowCatalogs { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowProcessList { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowCharset(_)
        | Statement::ShowObjects(_)
        | Statement::ShowTables { .. }
        | Statement::ShowViews { .. }
        | Statement::ShowCollation { .. } => Class::Read,
        Statement::StartTransaction { .. }
        | Statement::Commit { .. }
        | Statement::Rollback { .. }
        | Statement::Savepoint { .. }
        | Statement::ReleaseSavepoint { .. }
        | Statement::Use(_) => Class::Read,
        Statement::Declare { .. }
        | Statement::Open(_)
        | Statement::Fetch { .. }
        | Statement::Close { .. }
        | Statement::Deallocate { .. } => Class::Read,
        Statement::If(_)
        | Statement::Case(_)
        | Statement::While(_)
        | Statement::Raise(_)
        | Statement::RaisError { .. }
        | Statement::Throw(_)
        | Statement::Print(_)
        | Statement::Return(_)
        | Statement::Assert { .. } => Class::Read,
        Statement::Analyze(_) | Statement::LISTEN { .. } | Statement::UNLISTEN { .. } => Class::Read,
        Statement::Insert(insert) if insert.overwrite => Class::WriteAll,
        Statement::Insert(_) | Statement::Merge(_) => Class::Write,
        Statement::Update(update) => of_rows(update.selection.as_ref()),
        Statement::Delete(delete) => of_rows(delete.selection.as_ref()),
        Statement::Copy { target: CopyTarget::Program { .. }, .. } => Class::Unknown,
        Statement::Copy { to: true, .. } => Class::Read,
        Statement::Copy { .. } => Class::Write,
        Statement::LoadData { overwrite: true, .. } => Class::WriteAll,
        Statement::LoadData { .. } => Class::Write,
        Statement::Pragma { name, value, .. } => of_pragma(name, value.is_some()),
        Statement::Vacuum(_)
        | Statement::OptimizeTable { .. }
        | Statement::Lock(_)
        | Statement::LockTables { .. }
        | Statement::UnlockTables
        | Statement::Kill { .. }
        | Statement::NOTIFY { .. } => Class::Write,
        Statement::CreateTable(table) if table.or_replace => Class::SchemaDestructive,
        Statement::CreateDatabase { or_replace: true, .. } => Class::SchemaDestructive,
        Statement::CreateTable(_)
        | Statement::CreateVirtualTable { .. }
        | Statement::CreateView(_)
        | Statement::CreateIndex(_)
        | Statement::CreateSchema { .. }
        | Statement::CreateDatabase { .. }
        | Statement::CreateFunction(_)
        | Statement::CreateTrigger(_)
        | Statement::CreateProcedure { .. }
        | Statement::CreateMacro { .. }
        | Statement::CreateExtension(_)
        | Statement::CreateCollation(_)
        | Statement::CreateOperator(_)
        | Statement::CreateOperatorFamily(_)
        | Statement::CreateOperatorClass(_)
        | Statement::CreateSequence { .. }
        | Statement::CreateDomain(_)
        | Statement::CreateType { .. } => Class::Schema,
        Statement::AlterSchema(_)
        | Statement::AlterIndex { .. }
        | Statement::AlterView { .. }
        | Statement::AlterFunction(_)
        | Statement::AlterType(_)
        | Statement::AlterCollation(_)
        | Statement::AlterOperator(_)
        | Statement::AlterOperatorFamily(_)
        | Statement::AlterOperatorClass(_)
        | Statement::RenameTable(_)
        | Statement::Comment { .. } => Class::Schema,
        Statement::Truncate(_)
        | Statement::Drop { .. }
        | Statement::DropFunction(_)
        | Statement::DropDomain(_)
        | Statement::DropProcedure { .. }
        | Statement::DropSecret { .. }
        | Statement::DropPolicy(_)
        | Statement::DropConnector { .. }
        | Statement::DropExtension(_)
        | Statement::DropOperator(_)
        | Statement::DropOperatorFamily(_)
        | Statement::DropOperatorClass(_)
        | Statement::DropTrigger(_)
        | Statement::Remove(_) => Class::SchemaDestructive,
        // CALL, EXECUTE, LOAD, ATTACH and whatever a later parser learns.
        _ => Class::Unknown,
    }
}

fn of_rows(condition: Option<&Expr>) -> StatementClass {
    if condition.is_some_and(restricts) { StatementClass::Write } else { StatementClass::WriteAll }
}

fn of_change(change: &AlterTableOperation) -> Effect {
    use AlterTableOperation as Change;
    match change {
        Change::DropColumn { .. }
        | Change::DropConstraint { .. }
        | Change::DropPrimaryKey { .. }
        | Change::DropForeignKey { .. }
        | Change::DropIndex { .. }
        | Change::DropPartitions { .. }
        | Change::DropProjection { .. }
        | Change::ClearProjection { .. } => Effect::of(StatementClass::SchemaDestructive),
        Change::OwnerTo { .. } | Change::DisableRowLevelSecurity | Change::NoForceRowLevelSecurity => Effect::granting(),
        Change::EnableRowLevelSecurity | Change::ForceRowLevelSecurity => Effect::of(StatementClass::Access),
        _ => Effect::of(StatementClass::Schema),
    }
}

fn of_set(set: &Set) -> Effect {
    let guarded = |name: &ObjectName| {
        let name = name.to_string().to_ascii_lowercase();
        let last = name.rsplit('.').next().unwrap_or_default();
        GUARDS.contains(&last.trim_start_matches('@'))
    };
    let global = |scope: Option<&ContextModifier>, name: &ObjectName| {
        matches!(scope, Some(ContextModifier::Global)) || name.to_string().to_ascii_lowercase().starts_with("@@global")
    };
    let of = |scope, name| {
        if guarded(name) {
            Effect::of(StatementClass::Access)
        } else if global(scope, name) {
            Effect::of(StatementClass::Write)
        } else {
            Effect::of(StatementClass::Read)
        }
    };
    match set {
        Set::SetRole { .. } | Set::SetSessionAuthorization(_) => Effect::of(StatementClass::Access),
        Set::SingleAssignment { scope, variable, .. } => of(scope.as_ref(), variable),
        Set::ParenthesizedAssignments { variables, .. } => {
            variables.iter().fold(Effect::of(StatementClass::Read), |all, variable| all.and(of(None, variable)))
        }
        Set::MultipleAssignments { assignments } => assignments
            .iter()
            .fold(Effect::of(StatementClass::Read), |all, assignment| all.and(of(assignment.scope.as_ref(), &assignment.name))),
        Set::SetTimeZone { .. } | Set::SetNames { .. } | Set::SetNamesDefault {} | Set::SetTransaction { .. } => {
            Effect::of(StatementClass::Read)
        }
        Set::SetSessionParam(_) => Effect::of(StatementClass::Read),
    }
}

fn of_pragma(name: &ObjectName, has_value: bool) -> StatementClass {
    let name = name.to_string().to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    if !has_value || TELLING_PRAGMAS.contains(&last) { StatementClass::Read } else { StatementClass::Write }
}
