//! Flight SQL: its calls, each answered by the desk or from the documentation of the tables.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, TimeUnit, TimestampMicrosecondType};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder, XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder};
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult, CommandGetCatalogs,
    CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandStatementQuery, DoPutPreparedStatementResult, Nullable, ProstMessageExt, Searchable, SqlInfo, TicketStatementQuery,
    XdbcDataType,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightEndpoint, FlightInfo, HandshakeRequest, HandshakeResponse, IpcMessage, SchemaAsIpc, Ticket,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use privyseal_core::id::PrincipalId;
use privyseal_core::port::{FileForm, QueryError, Question};
use privyseal_engine::{Desk, DeskError, Identity};
use prost::Message as _;
use serde_json::{Map, Value};
use tokio::sync::Notify;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status, Streaming};

use super::shelf::Shelf;
use crate::entry::{Entry, Guest};
use crate::postgres::parameters;
use crate::rows::{self, Batches};

/// Lives of what is handed out, in seconds, and how many of each there may be.
const TOKEN: (usize, i64) = (4_096, 12 * 60 * 60);
const TICKET: (usize, i64) = (4_096, 5 * 60);
const PREPARED: (usize, i64) = (4_096, 12 * 60 * 60);

/// The header with the entry that is the newest one for a call.
const AS_OF: &str = "privyseal-as-of-seq";

const CATALOG: &str = "privyseal";
const SCHEMA: &str = "public";

type Rows = Pin<Box<dyn Stream<Item = Result<arrow_flight::FlightData, Status>> + Send + 'static>>;

/// What all connections share.
pub(super) struct Shared {
    desk: Desk,
    entry: Entry,
    tokens: Shelf<Guest>,
    tickets: Shelf<(PrincipalId, Question)>,
    prepared: Shelf<(PrincipalId, Prepared)>,
}

/// A prepared statement, with values once they are bound.
#[derive(Clone)]
struct Prepared {
    question: Question,
    parameters: Vec<String>,
}

impl Shared {
    pub(super) fn new(desk: Desk, entry: Entry) -> Self {
        let [tokens, tickets, prepared] = [TOKEN, TICKET, PREPARED];
        Self {
            desk,
            entry,
            tokens: Shelf::new(tokens.0, tokens.1),
            tickets: Shelf::new(tickets.0, tickets.1),
            prepared: Shelf::new(prepared.0, prepared.1),
        }
    }
}

/// The calls of one connection.
#[derive(Clone)]
pub(super) struct Service {
    shared: Arc<Shared>,
    /// Told when somebody who is known has called.
    known: Arc<Notify>,
}

fn unknown() -> Status {
    Status::unauthenticated("sign in with your account and an API key of it (`privyseal people key`)")
}

fn of_desk(error: &DeskError) -> Status {
    let text = error.to_string();
    match error {
        DeskError::Forbidden { .. } => Status::permission_denied(text),
        DeskError::TooLong { .. } => Status::invalid_argument(text),
        DeskError::Engine(_) => Status::unavailable(text),
    }
}

fn of_query(error: &QueryError) -> Status {
    match error {
        QueryError::Refused(text) => Status::invalid_argument(text),
        QueryError::Limit(text) => Status::resource_exhausted(text),
        QueryError::Failed(text) => Status::internal(text),
    }
}

fn of_arrow(error: &arrow::error::ArrowError) -> Status {
    Status::internal(format!("the answer cannot be put together: {error}"))
}

impl Service {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, known: Arc::default() }
    }

    pub(super) fn known(&self) -> Arc<Notify> {
        Arc::clone(&self.known)
    }

    /// Account and key of a call that brings them itself.
    async fn by_password(&self, metadata: &MetadataMap) -> Option<Guest> {
        let given = metadata.get("authorization")?.to_str().ok()?;
        let (scheme, value) = given.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") || value.len() > 1_024 {
            return None;
        }
        // Some clients leave the padding out.
        let pair = String::from_utf8(BASE64_STANDARD_NO_PAD.decode(value.trim().trim_end_matches('=')).ok()?).ok()?;
        let (account, key) = pair.split_once(':')?;
        self.shared.entry.admit(account, key.as_bytes()).await
    }

    /// Who calls: by a token of ours, an API key, or account and key.
    async fn identity(&self, metadata: &MetadataMap) -> Result<Identity, Status> {
        let given = metadata.get("authorization").and_then(|value| value.to_str().ok()).ok_or_else(unknown)?;
        let guest = match given.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                match self.shared.tokens.get(token.trim().as_bytes(), self.shared.desk.engine().now()) {
                    Some(guest) => Some(guest),
                    None => self.shared.entry.admit_key(token.trim()).await,
                }
            }
            _ => self.by_password(metadata).await,
        };
        let identity = guest.and_then(|guest| self.shared.entry.identity(&guest)).ok_or_else(unknown)?;
        self.known.notify_one();
        Ok(identity)
    }

    /// Who calls, when they may ask.
    async fn asker(&self, metadata: &MetadataMap) -> Result<Identity, Status> {
        let identity = self.identity(metadata).await?;
        match self.shared.desk.admits(&identity.principal) {
            true => Ok(identity),
            false => Err(of_desk(&DeskError::Forbidden { principal: identity.principal })),
        }
    }

    fn handle(&self) -> Result<String, Status> {
        let secret = self.shared.desk.engine().new_secret().map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(secret.expose().to_owned())
    }

    /// Columns and parameters of a statement. One that is refused here is asked as it stands, so that it is on record.
    async fn describe(&self, identity: &Identity, question: &Question) -> Result<(Arc<Schema>, Vec<String>), Status> {
        let desk = &self.shared.desk;
        match desk.describe(identity, question.clone()).await.map_err(|error| of_desk(&error))? {
            Ok(described) => Ok((rows::schema_of(&described.arrow).map_err(|error| of_arrow(&error))?, described.parameters)),
            Err(refused) => {
                let _ = desk.file(identity, question.clone(), FileForm::Arrow).await;
                Err(of_query(&refused))
            }
        }
    }

    /// Where the answer to a question is to be had, once.
    fn promise(
        &self,
        identity: &Identity,
        question: Question,
        schema: &Schema,
        descriptor: FlightDescriptor,
    ) -> Result<FlightInfo, Status> {
        let handle = self.handle()?;
        let now = self.shared.desk.engine().now();
        self.shared.tickets.put(handle.as_bytes(), (identity.principal.clone(), question), now)?;
        info(&TicketStatementQuery { statement_handle: handle.into_bytes().into() }, schema, descriptor)
    }

    /// Runs a question; it is answered and on record before the first byte leaves.
    async fn run(&self, identity: &Identity, question: Question) -> Result<Response<Rows>, Status> {
        let recorded = self.shared.desk.file(identity, question, FileForm::Arrow).await.map_err(|error| of_desk(&error))?;
        let file = recorded.result.map_err(|error| of_query(&error))?;
        if file.told.truncated {
            // There is no place for a warning in a stream of columns, and a cut answer must not pass for a whole one.
            let text = format!("the answer has more than {} rows: ask for fewer", file.told.rows);
            return Err(Status::resource_exhausted(text));
        }
        let (batches, schema) = Batches::open(file.content).await.map_err(|error| of_arrow(&error))?;
        let batches = stream::try_unfold(batches, |mut batches| async move {
            let next = batches.next().await?;
            Ok::<_, FlightError>(next.map(|batch| (batch, batches)))
        });
        Ok(Response::new(encoded(schema, batches)))
    }

    fn xdbc(&self) -> Result<XdbcTypeInfoData, Status> {
        let mut builder = XdbcTypeInfoDataBuilder::new();
        for (name, kind, size) in [
            ("text", XdbcDataType::XdbcVarchar, None),
            ("bigint", XdbcDataType::XdbcBigint, Some(64)),
            ("boolean", XdbcDataType::XdbcBit, Some(1)),
            ("timestamp", XdbcDataType::XdbcTimestamp, Some(6)),
            ("double", XdbcDataType::XdbcDouble, Some(53)),
            ("date", XdbcDataType::XdbcDate, Some(10)),
            ("bytes", XdbcDataType::XdbcVarbinary, None),
        ] {
            builder.append(XdbcTypeInfo {
                type_name: name.to_owned(),
                data_type: kind,
                column_size: size,
                literal_prefix: (name == "text").then(|| "'".to_owned()),
                literal_suffix: (name == "text").then(|| "'".to_owned()),
                create_params: None,
                nullable: Nullable::NullabilityNullable,
                case_sensitive: true,
                searchable: Searchable::Full,
                unsigned_attribute: None,
                fixed_prec_scale: false,
                auto_increment: None,
                local_type_name: None,
                minimum_scale: None,
                maximum_scale: None,
                sql_data_type: kind,
                datetime_subcode: None,
                num_prec_radix: None,
                interval_precision: None,
            });
        }
        builder.build().map_err(|error| of_arrow(&plain(error)))
    }

    fn sql_info(&self) -> Result<SqlInfoData, Status> {
        let mut builder = SqlInfoDataBuilder::new();
        builder.append(SqlInfo::FlightSqlServerName, "Privyseal");
        builder.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
        builder.append(SqlInfo::FlightSqlServerArrowVersion, "1.3");
        builder.append(SqlInfo::FlightSqlServerReadOnly, true);
        builder.append(SqlInfo::FlightSqlServerSql, true);
        builder.append(SqlInfo::FlightSqlServerSubstrait, false);
        builder.append(SqlInfo::FlightSqlServerTransaction, 0_i32);
        builder.append(SqlInfo::FlightSqlServerCancel, false);
        builder.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
        builder.build().map_err(|error| of_arrow(&plain(error)))
    }

    fn schema_of_table(&self, name: &str) -> Schema {
        let table = self.shared.desk.analytics().tables().iter().find(|table| table.name == name);
        let columns = table.map(|table| table.columns.as_slice()).unwrap_or_default();
        Schema::new(
            columns
                .iter()
                .map(|column| {
                    let described = [("meaning".to_owned(), column.meaning.clone())].into();
                    Field::new(&column.name, arrow_type(&column.kind), true).with_metadata(described)
                })
                .collect::<Vec<_>>(),
        )
    }
}

/// The type that answers have for a column of ours.
fn arrow_type(kind: &str) -> DataType {
    if let Some(item) = kind.strip_suffix("[]") {
        return DataType::List(Field::new_list_field(arrow_type(item), true).into());
    }
    match kind {
        "bigint" => DataType::Int64,
        "integer" => DataType::Int32,
        "smallint" => DataType::Int16,
        "bigint unsigned" => DataType::UInt64,
        "boolean" => DataType::Boolean,
        "double" => DataType::Float64,
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "date" => DataType::Date32,
        "bytes" => DataType::Binary,
        _ => DataType::Utf8,
    }
}

fn info(ticket: &impl ProstMessageExt, schema: &Schema, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
    let ticket = Ticket { ticket: ticket.as_any().encode_to_vec().into() };
    let info = FlightInfo::new().try_with_schema(schema).map_err(|error| of_arrow(&error))?;
    Ok(info.with_descriptor(descriptor).with_endpoint(FlightEndpoint::new().with_ticket(ticket)))
}

fn encoded(schema: Arc<Schema>, batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static) -> Rows {
    let builder = FlightDataEncoderBuilder::new().with_schema(schema).with_dictionary_handling(DictionaryHandling::Resend);
    Box::pin(builder.build(batches).map_err(Status::from))
}

fn one(batch: Result<RecordBatch, arrow::error::ArrowError>) -> Result<Response<Rows>, Status> {
    let batch = batch.map_err(|error| of_arrow(&error))?;
    Ok(Response::new(encoded(batch.schema(), stream::once(async { Ok(batch) }))))
}

/// The position of the log that a call is pinned to.
fn as_of(metadata: &MetadataMap) -> Result<Option<u64>, Status> {
    let Some(value) = metadata.get(AS_OF) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    number.map(Some).ok_or_else(|| Status::invalid_argument(format!("`{AS_OF}` is a position of the log, from 0")))
}

/// The values of a row as the desk takes them.
fn values(batch: &RecordBatch, names: &[String]) -> Result<Map<String, Value>, Status> {
    if batch.num_rows() != 1 || batch.num_columns() != names.len() {
        let (rows, columns, wanted) = (batch.num_rows(), batch.num_columns(), names.len());
        return Err(Status::invalid_argument(format!("one row of {wanted} values is wanted, {rows} of {columns} came")));
    }
    let value = |(name, array): (&String, &arrow::array::ArrayRef)| Ok((name.clone(), value(name, array)?));
    names.iter().zip(batch.columns()).map(value).collect()
}

fn value(name: &str, array: &arrow::array::ArrayRef) -> Result<Value, Status> {
    let unfit = |_| {
        Status::invalid_argument(format!("the value of the parameter `${name}` is no text, integer, truth value, moment or list of texts"))
    };
    if array.is_empty() || array.is_null(0) || *array.data_type() == DataType::Null {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Boolean => array.as_boolean().value(0).into(),
        kind if kind.is_integer() => cast(array, &DataType::Int64).map_err(unfit)?.as_primitive::<Int64Type>().value(0).into(),
        DataType::Timestamp(..) => {
            let moment = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))).map_err(unfit)?;
            let moment = DateTime::from_timestamp_micros(moment.as_primitive::<TimestampMicrosecondType>().value(0));
            let moment = moment.ok_or_else(|| Status::invalid_argument(format!("the value of the parameter `${name}` is no moment")))?;
            moment.to_rfc3339_opts(SecondsFormat::Micros, true).into()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Date32 | DataType::Dictionary(..) => {
            cast(array, &DataType::Utf8).map_err(unfit)?.as_string::<i32>().value(0).into()
        }
        DataType::List(_) | DataType::LargeList(_) => {
            let lists = cast(array, &DataType::List(Field::new_list_field(DataType::Utf8, true).into())).map_err(unfit)?;
            lists.as_list::<i32>().value(0).as_string::<i32>().iter().map(Value::from).collect()
        }
        _ => return Err(unfit(arrow::error::ArrowError::DivideByZero)),
    })
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Service;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<Response<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>>, Status> {
        let guest = self.by_password(request.metadata()).await.ok_or_else(unknown)?;
        self.known.notify_one();
        let token = self.handle()?;
        self.shared.tokens.put(token.as_bytes(), guest, self.shared.desk.engine().now())?;
        let bearer = MetadataValue::try_from(format!("Bearer {token}")).map_err(|error| Status::internal(error.to_string()))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: token.into_bytes().into() };
        let answers: Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>> = Box::pin(stream::once(async { Ok(answer) }));
        let mut response = Response::new(answers);
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let identity = self.asker(request.metadata()).await?;
        let question = Question { sql: query.query, as_of_seq: as_of(request.metadata())?, ..Question::default() };
        let (schema, _) = self.describe(&identity, &question).await?;
        Ok(Response::new(self.promise(&identity, question, &schema, request.into_inner())?))
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        let identity = self.asker(request.metadata()).await?;
        let taken = self.shared.tickets.take(&ticket.statement_handle, self.shared.desk.engine().now());
        let (_, question) = taken
            .filter(|(account, _)| *account == identity.principal)
            .ok_or_else(|| Status::not_found("the ticket is used, has ended, or is somebody else's: ask again"))?;
        self.run(&identity, question).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let identity = self.asker(request.metadata()).await?;
        let question = Question { sql: query.query, as_of_seq: as_of(request.metadata())?, ..Question::default() };
        let (schema, mut parameters) = self.describe(&identity, &question).await?;
        // `$10` comes after `$9`.
        parameters.sort_by_key(|name| (name.parse::<u32>().unwrap_or(u32::MAX), name.clone()));
        let kinds = parameters::kinds(&question.sql, &parameters, self.shared.desk.analytics().tables());
        let fields: Vec<Field> = parameters.iter().zip(kinds).map(|(name, kind)| Field::new(name, kind, true)).collect();
        let bytes = |schema: &Schema| -> Result<Bytes, Status> {
            let IpcMessage(bytes) = SchemaAsIpc::new(schema, &IpcWriteOptions::default()).try_into().map_err(|error| of_arrow(&error))?;
            Ok(bytes)
        };
        let parameter_schema = if fields.is_empty() { Bytes::new() } else { bytes(&Schema::new(fields))? };
        let handle = self.handle()?;
        let prepared = (identity.principal, Prepared { question, parameters });
        self.shared.prepared.put(handle.as_bytes(), prepared, self.shared.desk.engine().now())?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: handle.into_bytes().into(),
            dataset_schema: bytes(&schema)?,
            parameter_schema,
        })
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let identity = self.asker(request.metadata()).await?;
        let mut prepared = self.prepared(&identity, &query.prepared_statement_handle)?;
        let mut batches = FlightRecordBatchStream::new_from_flight_data(request.into_inner().map_err(FlightError::from));
        let mut bound = None;
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| Status::invalid_argument(format!("the values cannot be read: {error}")))?;
            if batch.num_rows() > 0 && bound.replace(values(&batch, &prepared.parameters)?).is_some() {
                return Err(Status::invalid_argument("one row of values at a time"));
            }
        }
        prepared.question.parameters = bound.unwrap_or_default();
        let now = self.shared.desk.engine().now();
        self.shared.prepared.put(&query.prepared_statement_handle, (identity.principal, prepared), now)?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: None })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let identity = self.asker(request.metadata()).await?;
        let prepared = self.prepared(&identity, &query.prepared_statement_handle)?;
        let mut question = prepared.question;
        question.as_of_seq = as_of(request.metadata())?.or(question.as_of_seq);
        let unbound = Question { parameters: Map::new(), ..question.clone() };
        let (schema, _) = self.describe(&identity, &unbound).await?;
        Ok(Response::new(self.promise(&identity, question, &schema, request.into_inner())?))
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        let identity = self.asker(request.metadata()).await?;
        self.prepared(&identity, &query.prepared_statement_handle)?;
        self.shared.prepared.take(&query.prepared_statement_handle, self.shared.desk.engine().now());
        Ok(())
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        Ok(Response::new(info(&query, &query.into_builder().schema(), request.into_inner())?))
    }

    async fn do_get_catalogs(&self, query: CommandGetCatalogs, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let mut builder = query.into_builder();
        builder.append(CATALOG);
        one(builder.build().map_err(plain))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        Ok(Response::new(info(&query, &query.clone().into_builder().schema(), request.into_inner())?))
    }

    async fn do_get_schemas(&self, query: CommandGetDbSchemas, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let mut builder = query.into_builder();
        builder.append(CATALOG, SCHEMA);
        one(builder.build().map_err(plain))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        Ok(Response::new(info(&query, &query.clone().into_builder().schema(), request.into_inner())?))
    }

    async fn do_get_tables(&self, query: CommandGetTables, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let mut builder = query.into_builder();
        for table in self.shared.desk.analytics().tables() {
            builder
                .append(CATALOG, SCHEMA, &table.name, "TABLE", &self.schema_of_table(&table.name))
                .map_err(|error| of_arrow(&plain(error)))?;
        }
        one(builder.build().map_err(plain))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        Ok(Response::new(info(&query, &query.into_builder().schema(), request.into_inner())?))
    }

    async fn do_get_table_types(&self, query: CommandGetTableTypes, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let mut builder = query.into_builder();
        builder.append("TABLE");
        one(builder.build().map_err(plain))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        let infos = self.sql_info()?;
        Ok(Response::new(info(&query, &query.clone().into_builder(&infos).schema(), request.into_inner())?))
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let infos = self.sql_info()?;
        one(query.into_builder(&infos).build().map_err(plain))
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.asker(request.metadata()).await?;
        let infos = self.xdbc()?;
        Ok(Response::new(info(&query, &query.into_builder(&infos).schema(), request.into_inner())?))
    }

    async fn do_get_xdbc_type_info(&self, query: CommandGetXdbcTypeInfo, request: Request<Ticket>) -> Result<Response<Rows>, Status> {
        self.asker(request.metadata()).await?;
        let infos = self.xdbc()?;
        one(query.into_builder(&infos).build().map_err(plain))
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}

impl Service {
    fn prepared(&self, identity: &Identity, handle: &[u8]) -> Result<Prepared, Status> {
        let found = self.shared.prepared.get(handle, self.shared.desk.engine().now());
        let found = found.filter(|(account, _)| *account == identity.principal).map(|(_, prepared)| prepared);
        found.ok_or_else(|| Status::not_found("there is no such prepared statement: prepare it again"))
    }
}

/// Its errors are Arrow's under another name.
fn plain(error: impl Into<FlightError>) -> arrow::error::ArrowError {
    arrow::error::ArrowError::ExternalError(Box::new(error.into()))
}
