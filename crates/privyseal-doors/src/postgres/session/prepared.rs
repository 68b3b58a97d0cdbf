//! Prepared statements and portals: the extended protocol.

use std::sync::Arc;

use privyseal_core::port::{FileForm, Question};
use serde_json::{Map, Value};

use super::answer::{self, Cursor};
use super::{Outcome, Session, Transaction};
use crate::postgres::connection::End;
use crate::postgres::fault::Fault;
use crate::postgres::message::{Bind, Message};
use crate::postgres::parameter;
use crate::postgres::statement::{self, Asked};
use crate::postgres::value::{self, Kind};
use crate::rows;

/// What a session may keep: statements, the bytes of all their texts, portals, and the parameters of one statement.
const MOST_STATEMENTS: usize = 1_000;
const MOST_BYTES: usize = 1 << 20;
const MOST_PORTALS: usize = 64;
const MOST_PARAMETERS: usize = 1_000;

/// A prepared statement.
pub(super) struct Prepared {
    asked: Asked,
    sql: String,
    types: Vec<u32>,
    /// None when it gives no rows.
    columns: Option<Vec<(String, Kind)>>,
}

/// A prepared statement with its values, and how far its answer has been sent.
pub(super) struct Portal {
    prepared: Arc<Prepared>,
    values: Vec<Value>,
    formats: Vec<bool>,
    cursor: Option<Cursor>,
}

impl Session<'_> {
    pub(super) async fn extended(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Parse { name, sql, types } => self.prepare(name, sql, types).await,
            Message::Bind(bind) => self.bind(&bind).map_err(End::from),
            Message::Describe { portal, name } => self.describe(portal, &name).map_err(End::from),
            Message::Execute { portal, max_rows } => self.execute(&portal, max_rows).await,
            Message::Close { portal, name } => {
                match portal {
                    true => drop(self.portals.remove(&name)),
                    false => drop(self.statements.remove(&name)),
                }
                self.connection.out.empty(b'3');
                Ok(())
            }
            _ => Err(Fault::fatal("08P01", "a message came where it has no meaning").into()),
        }
    }

    async fn prepare(&mut self, name: String, sql: String, given: Vec<u32>) -> Result<(), End> {
        let kept: usize = self.statements.values().map(|prepared| prepared.sql.len()).sum();
        if self.statements.len() >= MOST_STATEMENTS || kept.saturating_add(sql.len()) > MOST_BYTES {
            return Err(Fault::error("53000", "the session keeps too many statements: close some (DEALLOCATE ALL)").into());
        }
        if !name.is_empty() && self.statements.contains_key(&name) {
            return Err(Fault::error("42P05", format!("the statement `{}` is prepared already", name.escape_debug())).into());
        }
        let mut asked = statement::asked(&sql);
        let (asked, text) = match (asked.pop(), asked.is_empty()) {
            (Some(one), true) => one,
            _ => return Err(Fault::error("42601", "one statement at a time: the text holds several").into()),
        };
        let count = placeholders(&sql).max(given.len());
        if count > MOST_PARAMETERS {
            return Err(Fault::error("54023", format!("a statement has at most {MOST_PARAMETERS} parameters")).into());
        }
        if self.transaction == Transaction::Failed && !matches!(asked, Asked::Commit | Asked::Rollback | Asked::Nothing) {
            return Err(Fault::error("25P02", "the transaction has failed: end it with ROLLBACK").into());
        }
        let columns = &self.shared.columns;
        let mut types = statement::parameter_types(&sql, count, |name| columns.get(name).copied().flatten());
        for (kind, given) in types.iter_mut().zip(&given).filter(|(_, given)| **given != 0) {
            *kind = *given;
        }
        let columns = self.columns(&asked, &text, count).await?;
        self.statements.insert(name, Arc::new(Prepared { asked, sql: text, types, columns }));
        self.connection.out.empty(b'1');
        Ok(())
    }

    /// The columns of a statement's answer, without running it; none when it gives no rows.
    async fn columns(&mut self, asked: &Asked, sql: &str, count: usize) -> Result<Option<Vec<(String, Kind)>>, End> {
        let identity = self.identity()?;
        Ok(match asked {
            Asked::Show(name) => {
                self.settings.show(name)?;
                Some(vec![(name.clone(), Kind::Text)])
            }
            Asked::ShowAll => Some(["name", "setting", "description"].map(|name| (name.to_owned(), Kind::Text)).to_vec()),
            Asked::Catalogue(query) => {
                self.admit(&identity)?;
                Some(self.catalogue(query.clone(), vec![Value::Null; count]).await?.columns)
            }
            Asked::Question => {
                let question = Question { sql: sql.to_owned(), as_of_seq: self.settings.as_of_seq(), ..Question::default() };
                let desk = &self.shared.desk;
                match desk.describe(&identity, question.clone()).await.map_err(|error| Fault::of_desk(&error))? {
                    Ok(described) => {
                        let schema = rows::schema_of(&described.arrow).map_err(|error| answer::unreadable(&error))?;
                        let names = schema.fields().iter().map(|field| field.name().clone());
                        Some(names.zip(value::kinds(&schema)).collect())
                    }
                    Err(refused) => {
                        // A refused statement is on record too, so it is asked as it stands.
                        let parameters: Map<String, Value> = (1..=count).map(|number| (number.to_string(), Value::Null)).collect();
                        let _ = desk.file(&identity, Question { parameters, ..question }, FileForm::Arrow).await;
                        return Err(Fault::of_query(&refused, sql).into());
                    }
                }
            }
            _ => None,
        })
    }

    fn bind(&mut self, bind: &Bind) -> Result<(), Fault> {
        let prepared = self.statements.get(&bind.statement).cloned();
        let unknown = || Fault::error("26000", format!("no statement `{}` is prepared", bind.statement.escape_debug()));
        let prepared = prepared.ok_or_else(unknown)?;
        if bind.values.len() != prepared.types.len() {
            let (given, wanted) = (bind.values.len(), prepared.types.len());
            return Err(Fault::error("08P01", format!("{given} values are given, the statement has {wanted} parameters")));
        }
        if self.portals.len() >= MOST_PORTALS && !self.portals.contains_key(&bind.portal) {
            return Err(Fault::error("53000", "the session has too many open answers: close some"));
        }
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            return Err(Fault::error("42P03", format!("the portal `{}` is open already", bind.portal.escape_debug())));
        }
        let is_binary = spread(&bind.formats, bind.values.len())?;
        let value = |(place, (bytes, kind)): (usize, (&Option<bytes::Bytes>, &u32))| match bytes {
            None => Ok(Value::Null),
            Some(bytes) => parameter::value(place + 1, bytes, is_binary.get(place).copied().unwrap_or(false), *kind),
        };
        let values = bind.values.iter().zip(&prepared.types).enumerate().map(value).collect::<Result<_, _>>()?;
        let formats = spread(&bind.results, prepared.columns.as_ref().map_or(0, Vec::len))?;
        self.portals.insert(bind.portal.clone(), Portal { prepared, values, formats, cursor: None });
        self.connection.out.empty(b'2');
        Ok(())
    }

    fn describe(&mut self, is_portal: bool, name: &str) -> Result<(), Fault> {
        let (prepared, formats) = if is_portal {
            let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
            (Arc::clone(&portal.prepared), portal.formats.clone())
        } else {
            let unknown = || Fault::error("26000", format!("no statement `{}` is prepared", name.escape_debug()));
            let prepared = self.statements.get(name).cloned().ok_or_else(unknown)?;
            self.connection.out.parameters(&prepared.types);
            (prepared, Vec::new())
        };
        match &prepared.columns {
            Some(columns) => self.connection.out.columns(&answer::described(columns, &formats)),
            None => self.connection.out.empty(b'n'),
        }
        Ok(())
    }

    async fn execute(&mut self, name: &str, max_rows: i32) -> Result<(), End> {
        let mut portal = self.portals.remove(name).ok_or_else(|| no_portal(name))?;
        let most = u64::try_from(max_rows).ok().filter(|most| *most > 0);
        let mut cursor = match portal.cursor.take() {
            Some(cursor) => cursor,
            None => {
                let prepared = Arc::clone(&portal.prepared);
                match self.answer(&prepared.asked, &prepared.sql, portal.values.clone()).await? {
                    Outcome::Nothing => {
                        self.connection.out.empty(b'I');
                        return Ok(());
                    }
                    Outcome::Done(tag) => {
                        self.connection.out.complete(&tag);
                        return Ok(());
                    }
                    Outcome::Rows(answer) => Cursor::new(answer.told_as(prepared.columns.as_deref().unwrap_or_default())?),
                }
            }
        };
        self.send(&mut cursor, &portal.formats, most).await?;
        portal.cursor = Some(cursor);
        self.portals.insert(name.to_owned(), portal);
        Ok(())
    }
}

fn no_portal(name: &str) -> Fault {
    Fault::error("34000", format!("no portal `{}` is open", name.escape_debug()))
}

/// Format codes for each of so many: none means text, one holds for all.
fn spread(codes: &[i16], count: usize) -> Result<Vec<bool>, Fault> {
    let is_binary = |code: &i16| match code {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fault::error("08P01", "a value is in text or in binary, and in nothing else")),
    };
    match codes {
        [] => Ok(vec![false; count]),
        [one] => Ok(vec![is_binary(one)?; count]),
        codes if codes.len() == count => codes.iter().map(is_binary).collect(),
        codes => Err(Fault::error("08P01", format!("{} format codes are given for {count} values", codes.len()))),
    }
}

/// The highest number of a parameter `$n` in a text.
fn placeholders(sql: &str) -> usize {
    use sqlparser::dialect::PostgreSqlDialect;
    use sqlparser::tokenizer::{Token, Tokenizer};
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().unwrap_or_default();
    let number = |token: &Token| match token {
        Token::Placeholder(name) => name.strip_prefix('$')?.parse().ok(),
        _ => None,
    };
    tokens.iter().filter_map(number).max().unwrap_or(0)
}
