//! The gate before planning: one read-only statement, of bounded size, over known tables with known functions.
//!
//! DataFusion refuses DDL, DML and settings too, and that check runs as well. This one comes first, because some texts cost too much
//! to plan (nested WITH clauses are resolved in time that doubles with every level), and because its messages can point at the place.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::common::utils::datafusion_strsim::levenshtein;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectName, ObjectNamePart, Query, Select, SetExpr,
    Statement as SqlStatement, Subscript, TableFactor, Value, Visit as _, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};
use privyseal_core::port::QueryError;

use crate::refuse;

/// Longest statement, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting that the parser follows.
const MAX_DEPTH: usize = 50;
/// Longest text literal; the planner may repeat it for every row of a batch.
const MAX_LITERAL_BYTES: usize = 8 * 1024;
/// Most tables that a statement may name; our views stand for several each.
const MAX_TABLES: usize = 32;
/// Most SELECTs in a statement.
const MAX_SELECTS: usize = 200;
/// Deepest WITH inside WITH.
const MAX_WITH_DEPTH: usize = 4;
/// Most expressions in a statement; planning time grows faster than their number.
const MAX_EXPRESSIONS: usize = 2_000;
/// Longest chain of one operator inside another on the left side, as in `1 + 1 + 1 + …`: each is one level of recursion.
const MAX_CHAIN: usize = 500;

/// What a statement may name.
pub(crate) struct Names {
    pub(crate) tables: BTreeSet<String>,
    pub(crate) functions: BTreeSet<String>,
}

/// A statement that may be planned.
pub(crate) struct Checked {
    pub(crate) statement: Statement,
    /// Functions it calls, in lower case.
    pub(crate) calls: BTreeSet<String>,
}

/// Takes `AS OF SEQ n` off the end of a text: what is left, and n.
pub(crate) fn pin(text: &str) -> Result<(&str, Option<u64>), QueryError> {
    // What cannot be cut into words is refused with a better message where it is parsed.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location() else { return Ok((text, None)) };
    let meant = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF);
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(meant).collect();
    let Some([begin, of, seq, number]) = tokens.last_chunk() else { return Ok((text, None)) };
    let is_word = |token: &TokenWithSpan, wanted: &str| matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted));
    let Token::Number(digits, _) = &number.token else { return Ok((text, None)) };
    if !(is_word(begin, "as") && is_word(of, "of") && is_word(seq, "seq")) {
        return Ok((text, None));
    }
    let at = digits
        .parse()
        .map_err(|_| QueryError::Refused(format!("`{digits}` is no position of the log: AS OF SEQ takes an integer from 0")))?;
    Ok((up_to(text, begin.span), Some(at)))
}

/// The text up to where a token begins.
fn up_to(text: &str, span: Span) -> &str {
    let (Ok(line), Ok(column)) = (usize::try_from(span.start.line), usize::try_from(span.start.column)) else { return text };
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = text.get(lines..).unwrap_or_default();
    let column = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
    text.get(..lines + column).unwrap_or(text)
}

/// Parses one statement.
pub(crate) fn parse(text: &str) -> Result<Statement, QueryError> {
    if text.len() > MAX_BYTES {
        return Err(QueryError::Refused(format!("the statement has {} bytes, the limit is {MAX_BYTES}", text.len())));
    }
    let dialect = GenericDialect {};
    let parser = DFParserBuilder::new(text).with_dialect(&dialect).with_recursion_limit(MAX_DEPTH).build();
    let statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(|error| refuse::explain(&error).0)?;
    let mut statements = statements.into_iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        (None, _) => Err(QueryError::Refused("the statement is empty".to_owned())),
        (Some(_), Some(_)) => Err(QueryError::Refused("one statement at a time: the text holds several".to_owned())),
    }
}

/// Checks a statement from outside.
pub(crate) fn check(statement: Statement, names: &Names) -> Result<Checked, QueryError> {
    let mut walk = Walk { names, with_depth: 0, local: Vec::new(), tables: 0, selects: 0, expressions: 0, calls: BTreeSet::new() };
    let sql = reads(&statement)?;
    if let ControlFlow::Break(refused) = sql.visit(&mut walk) {
        return Err(QueryError::Refused(refused));
    }
    let calls = walk.calls;
    Ok(Checked { statement, calls })
}

/// The statement, when it is of a kind that only reads.
pub(crate) fn reads(statement: &Statement) -> Result<&SqlStatement, QueryError> {
    let inner = match statement {
        Statement::Explain(explain) => {
            let options = &explain.options;
            if options.analyze || options.verbose || options.format.is_some() {
                return Err(QueryError::Refused("only plain EXPLAIN is allowed, without ANALYZE, VERBOSE or FORMAT".to_owned()));
            }
            explain.statement.as_ref()
        }
        other => other,
    };
    let Statement::Statement(sql) = inner else { return Err(not_a_query()) };
    match sql.as_ref() {
        SqlStatement::Query(_) => {}
        SqlStatement::ShowTables { .. } | SqlStatement::ShowColumns { .. } | SqlStatement::ExplainTable { .. }
            if matches!(statement, Statement::Statement(_)) => {}
        _ => return Err(not_a_query()),
    }
    Ok(sql)
}

const READ_ONLY: &str = "only SELECT, plain EXPLAIN, DESCRIBE, SHOW TABLES and SHOW COLUMNS are allowed: the data are read-only";

fn not_a_query() -> QueryError {
    QueryError::Refused(READ_ONLY.to_owned())
}

/// ` (line 1, column 8)`, or nothing when the place is not known.
fn place(span: Span) -> String {
    if span.start.line == 0 { String::new() } else { format!(" (line {}, column {})", span.start.line, span.start.column) }
}

/// `: did you mean …?`, or nothing when no name is near.
pub(crate) fn suggestion<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let nearest = known.map(|other| (levenshtein(&name.to_lowercase(), other), other)).min();
    match nearest {
        Some((distance, other)) if distance <= (name.chars().count() / 3).max(2) => format!(": did you mean `{other}`?"),
        _ => String::new(),
    }
}

struct Walk<'a> {
    names: &'a Names,
    with_depth: usize,
    /// Names that WITH clauses define; good everywhere, because the planner knows their scope better.
    local: Vec<String>,
    tables: usize,
    selects: usize,
    expressions: usize,
    calls: BTreeSet<String>,
}

fn refuse<T>(text: String) -> ControlFlow<String, T> {
    ControlFlow::Break(text)
}

fn last_ident(name: &ObjectName) -> Option<(String, Span)> {
    match name.0.last()? {
        ObjectNamePart::Identifier(ident) if ident.quote_style.is_none() => Some((ident.value.to_lowercase(), ident.span)),
        ObjectNamePart::Identifier(ident) => Some((ident.value.clone(), ident.span)),
        ObjectNamePart::Function(_) => None,
    }
}

impl Visitor for Walk<'_> {
    type Break = String;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        if matches!(*query.body, SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)) {
            return refuse(READ_ONLY.to_owned());
        }
        if let Some(with) = &query.with {
            self.with_depth += 1;
            if with.recursive {
                return refuse("WITH RECURSIVE is not allowed: it can run without end".to_owned());
            }
            if self.with_depth > MAX_WITH_DEPTH {
                return refuse(format!("WITH inside WITH more than {MAX_WITH_DEPTH} levels deep"));
            }
            self.local.extend(with.cte_tables.iter().map(|cte| cte.alias.name.value.to_lowercase()));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<String> {
        self.with_depth -= usize::from(query.with.is_some());
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<String> {
        if select.into.is_some() {
            return refuse(READ_ONLY.to_owned());
        }
        self.selects += 1;
        if self.selects > MAX_SELECTS {
            return refuse(format!("the statement has more than {MAX_SELECTS} SELECTs"));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<String> {
        self.tables += 1;
        if self.tables > MAX_TABLES {
            return refuse(format!("the statement names more than {MAX_TABLES} tables"));
        }
        let Some((name, span)) = last_ident(relation) else {
            return refuse("tables are named by plain names".to_owned());
        };
        let schema = relation.0.len().checked_sub(2).and_then(|at| relation.0.get(at)).map(|part| part.to_string().to_lowercase());
        let known = match schema.as_deref() {
            Some("information_schema") => ["tables", "columns"].contains(&name.as_str()),
            Some("public") => self.names.tables.contains(&name),
            None => self.names.tables.contains(&name) || self.local.contains(&name),
            Some(_) => false,
        };
        if known {
            return ControlFlow::Continue(());
        }
        let near = suggestion(&name, self.names.tables.iter().map(String::as_str));
        refuse(format!("no table `{}`{}{near}", name.escape_debug(), place(span)))
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { args: None, .. }
            | TableFactor::Derived { .. }
            | TableFactor::NestedJoin { .. }
            | TableFactor::UNNEST { .. } => ControlFlow::Continue(()),
            _ => refuse("table functions are not available".to_owned()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        self.expressions += 1;
        if self.expressions > MAX_EXPRESSIONS {
            return refuse(format!("the statement has more than {MAX_EXPRESSIONS} expressions"));
        }
        match expr {
            Expr::Value(value) => {
                if let Value::Placeholder(name) = &value.value {
                    return refuse(format!("the parameter `{}`{} has no value: give it one", name.escape_debug(), place(value.span)));
                }
                if value.value.clone().into_string().is_some_and(|text| text.len() > MAX_LITERAL_BYTES) {
                    return refuse(format!("a text literal{} is longer than {MAX_LITERAL_BYTES} bytes", place(value.span)));
                }
            }
            Expr::BinaryOp { .. } => {
                let (mut chain, mut at) = (0, expr);
                while let Expr::BinaryOp { left, .. } = at {
                    chain += 1;
                    at = left;
                }
                if chain > MAX_CHAIN {
                    return refuse(format!("a chain of more than {MAX_CHAIN} operators: use IN (…) or several statements"));
                }
            }
            Expr::Function(function) => return self.call(function),
            Expr::Array(_) | Expr::Struct { .. } | Expr::Dictionary(_) | Expr::Map(_) | Expr::Tuple(_) | Expr::Lambda(_) => {
                return refuse("lists, structs and maps cannot be written in a statement: use json_list('[…]')".to_owned());
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let slice = |access: &AccessExpr| matches!(access, AccessExpr::Subscript(Subscript::Slice { .. }));
                if access_chain.iter().any(slice) {
                    return refuse("slices of lists are not available".to_owned());
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Walk<'_> {
    fn call(&mut self, function: &datafusion::sql::sqlparser::ast::Function) -> ControlFlow<String> {
        let Some((name, span)) = last_ident(&function.name).filter(|_| function.name.0.len() == 1) else {
            return refuse(format!("no function `{}`", function.name.to_string().escape_debug()));
        };
        if !self.names.functions.contains(&name) {
            let near = suggestion(&name, self.names.functions.iter().map(String::as_str));
            return refuse(format!("no function `{}`{}{near}", name.escape_debug(), place(span)));
        }
        // A pattern is compiled; one per row would keep a thread busy beyond any time limit.
        if name.starts_with("regexp_") && !second_is_literal(&function.args) {
            return refuse(format!("the pattern of `{name}`{} is a text literal", place(span)));
        }
        self.calls.insert(name);
        ControlFlow::Continue(())
    }
}

fn second_is_literal(args: &FunctionArguments) -> bool {
    let FunctionArguments::List(list) = args else { return false };
    match list.args.get(1) {
        Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(_)))) => true,
        // Too few arguments: the planner says so better.
        None => true,
        _ => false,
    }
}
