//! What a statement can see: our views, our functions, nothing else.
//!
//! The views are planned once, over tables that have no name in the session that untrusted SQL runs in. Which entries a view reads is
//! decided by the snapshot that each statement brings along in its session's configuration.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::catalog::CatalogProviderList as _;
use datafusion::catalog::{
    CatalogProvider, MemTable, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider,
};
use datafusion::common::Result;
use datafusion::common::TableReference;
use datafusion::datasource::ViewTable;
use datafusion::error::DataFusionError;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry as _, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::prelude::SessionConfig;
use privyseal_core::port::{ContentSource, TableDoc};

use crate::engine::Options;
use crate::functions::{self, Functions};
use crate::header::{self, HeaderError};
use crate::heads;
use crate::joins::SpareJoins;
use crate::scan::Entries;
use crate::spread;
use crate::store::BATCH_ROWS;

const CATALOG: &str = "privyseal";
const SCHEMA: &str = "public";

/// Where views are among the content.
const FOLDER: &str = "queries/views/";

/// Why the views cannot be set up. The content is part of the program, so this is our own mistake, or that of whoever changed a file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ViewError {
    #[error(transparent)]
    Header(#[from] HeaderError),
    #[error("queries/views/{name}.sql cannot be planned: {reason}")]
    Plan { name: String, reason: String },
    #[error("queries/views/{name}.sql declares {declared}, its SQL gives {found}")]
    Columns { name: String, declared: String, found: String },
    #[error("there are no views: `queries/views/` is missing")]
    None,
    #[error("the query engine cannot be set up: {0}")]
    Setup(String),
}

/// A session in which every statement begins, and what it offers.
pub(crate) struct Sessions {
    /// For statements from outside.
    pub(crate) public: SessionState,
    pub(crate) docs: Vec<TableDoc>,
    pub(crate) functions: Functions,
}

/// Memory for what is kept between statements, in bytes.
pub(crate) fn kept_bytes(options: &Options) -> usize {
    options.memory_bytes / 4
}

/// The memory pool, a bounded place to spill to, and no way to any file but segments.
pub(crate) fn runtime(options: &Options) -> Result<Arc<RuntimeEnv>> {
    let stores = DefaultObjectStoreRegistry::new();
    stores.deregister_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    let disk = match options.spill_bytes {
        0 => DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled),
        bytes => {
            let folders = vec![options.scratch.clone()];
            DiskManagerBuilder::default().with_mode(DiskManagerMode::Directories(folders)).with_max_temp_directory_size(bytes)
        }
    };
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes - kept_bytes(options))))
        .with_disk_manager_builder(disk)
        .with_object_store_registry(Arc::new(stores))
        .build_arc()
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false)
        // One partition: rows come in the same order every time. Several statements still run side by side.
        .with_target_partitions(1)
        .with_batch_size(BATCH_ROWS);
    let options = config.options_mut();
    options.sql_parser.collect_spans = true;
    options.sql_parser.map_string_types_to_utf8view = true;
    options.execution.collect_statistics = false;
    options.execution.enable_recursive_ctes = false;
    options.explain.logical_plan_only = true;
    // Filters that arise while a join runs depend on timing; plans and answers must not.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    // In 55.2 this rule fails on valid statements: https://github.com/apache/datafusion/issues/25446.
    options.optimizer.enable_leaf_expression_pushdown = false;
    config
}

/// DataFusion's rules and ours.
fn rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules = Optimizer::new().rules;
    // Filters were just moved below projections: a member of a member becomes a member there, before what both have in common is taken
    // for something worth computing apart.
    let common = rules.iter().position(|rule| rule.name() == "common_sub_expression_eliminate").unwrap_or(rules.len());
    rules.insert(common, Arc::new(SimplifyExpressions::new()));
    rules.push(Arc::new(SpareJoins));
    rules
}

fn state(runtime: &Arc<RuntimeEnv>, functions: &Functions, schemas: Vec<(&str, Arc<MemorySchemaProvider>)>) -> Result<SessionState> {
    let catalog = MemoryCatalogProvider::new();
    for (name, schema) in schemas {
        catalog.register_schema(name, schema)?;
    }
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
    Ok(SessionStateBuilder::new()
        .with_config(config())
        .with_runtime_env(Arc::clone(runtime))
        .with_catalog_list(Arc::new(catalogs))
        .with_scalar_functions(functions.scalar.clone())
        .with_aggregate_functions(functions.aggregate.clone())
        .with_window_functions(functions.window.clone())
        .with_expr_planners(functions::planners())
        .with_optimizer_rules(rules())
        .build())
}

impl Sessions {
    pub(crate) async fn new(content: &dyn ContentSource, runtime: &Arc<RuntimeEnv>, functions: Functions) -> Result<Self, ViewError> {
        let setup = |error: DataFusionError| ViewError::Setup(error.strip_backtrace());
        let (inner, public) = (Arc::new(MemorySchemaProvider::new()), Arc::new(MemorySchemaProvider::new()));
        inner.register_table("entries".to_owned(), Arc::new(Entries::new())).map_err(setup)?;
        inner.register_table("head".to_owned(), Arc::new(heads::Head::log())).map_err(setup)?;
        inner.register_table("calendar".to_owned(), Arc::new(heads::Head::calendar())).map_err(setup)?;
        inner.register_table("notes".to_owned(), Arc::new(heads::Head::notes())).map_err(setup)?;
        let planning = state(runtime, &functions, vec![(SCHEMA, Arc::clone(&inner))]).map_err(setup)?;

        let mut waiting = read(content)?;
        let mut docs = Vec::new();
        while !waiting.is_empty() {
            let ready: Vec<String> = waiting.keys().filter(|name| is_ready(&planning, &waiting, name)).cloned().collect();
            if ready.is_empty() {
                let name = waiting.keys().next().cloned().unwrap_or_default();
                return Err(ViewError::Plan { name, reason: "it and other views wait for each other".to_owned() });
            }
            for name in ready {
                let Some((doc, text)) = waiting.remove(&name) else { continue };
                let view = plan(&planning, &doc, &text).await?;
                inner.register_table(name.clone(), Arc::clone(&view) as _).map_err(setup)?;
                public.register_table(name, view).map_err(setup)?;
                docs.push(doc);
            }
        }
        docs.sort_by(|a, b| a.name.cmp(&b.name));
        let information = Arc::new(MemorySchemaProvider::new());
        for (name, table) in information_schema(&docs).map_err(setup)? {
            information.register_table(name.to_owned(), table).map_err(setup)?;
        }
        let public = state(runtime, &functions, vec![(SCHEMA, public), ("information_schema", information)]).map_err(setup)?;
        Ok(Self { public, docs, functions })
    }
}

fn read(content: &dyn ContentSource) -> Result<BTreeMap<String, (TableDoc, String)>, ViewError> {
    let mut views = BTreeMap::new();
    for path in content.list(FOLDER) {
        let Some(name) = path.strip_prefix(FOLDER).and_then(|file| file.strip_suffix(".sql")) else { continue };
        let Some(text) = content.read(&path) else { continue };
        views.insert(name.to_owned(), (header::view(name, &text)?, text.into_owned()));
    }
    if views.is_empty() { Err(ViewError::None) } else { Ok(views) }
}

/// Whether no view that this one reads is still waiting.
fn is_ready(state: &SessionState, waiting: &BTreeMap<String, (TableDoc, String)>, name: &str) -> bool {
    let Some((_, text)) = waiting.get(name) else { return false };
    let dialect = state.config_options().sql_parser.dialect;
    let Ok(statement) = state.sql_to_statement(text, &dialect) else { return true };
    let Ok(references) = state.resolve_table_references(&statement) else { return true };
    references.iter().map(TableReference::table).all(|table| !waiting.contains_key(table))
}

async fn plan(state: &SessionState, doc: &TableDoc, text: &str) -> Result<Arc<ViewTable>, ViewError> {
    let failed = |error: DataFusionError| ViewError::Plan { name: doc.name.clone(), reason: error.strip_backtrace() };
    let dialect = state.config_options().sql_parser.dialect;
    let mut statement = state.sql_to_statement(text, &dialect).map_err(failed)?;
    spread::spread(&mut statement).map_err(|reason| ViewError::Plan { name: doc.name.clone(), reason })?;
    let plan = state.statement_to_plan(statement).await.map_err(failed)?;
    let found: Vec<(String, String)> =
        plan.schema().fields().iter().map(|field| (field.name().clone(), type_name(field.data_type()))).collect();
    let declared: Vec<(String, String)> = doc.columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
    if found != declared {
        let differs = |columns: &[(String, String)], others: &[(String, String)]| {
            let only: Vec<String> =
                columns.iter().filter(|column| !others.contains(column)).map(|(name, kind)| format!("`{name} {kind}`")).collect();
            if only.is_empty() { "the same columns in another order".to_owned() } else { only.join(", ") }
        };
        let (declared, found) = (differs(&declared, &found), differs(&found, &declared));
        return Err(ViewError::Columns { name: doc.name.clone(), declared, found });
    }
    Ok(Arc::new(ViewTable::new(plan, Some(text.to_owned()))))
}

/// The SQL name of a type, in lower case, as headers and answers write it.
pub(crate) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        DataType::Int8 | DataType::Int16 => "smallint".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => "bigint unsigned".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(TimeUnit::Microsecond | TimeUnit::Nanosecond | TimeUnit::Millisecond | TimeUnit::Second, _) => {
            "timestamp".to_owned()
        }
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => "bytes".to_owned(),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => "double".to_owned(),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric".to_owned(),
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            format!("{}[]", type_name(field.data_type()))
        }
        DataType::Dictionary(_, value) => type_name(value),
        DataType::Null => "null".to_owned(),
        DataType::Struct(_) => "struct".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// `tables` and `columns`, in the form that tools expect, with our documentation. Settings and files of the engine are not shown.
fn information_schema(docs: &[TableDoc]) -> Result<Vec<(&'static str, Arc<MemTable>)>> {
    let table = |columns: Vec<(&str, Vec<String>)>| -> Result<Arc<MemTable>> {
        let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, false)).collect();
        let schema = Arc::new(Schema::new(fields));
        let arrays = columns.into_iter().map(|(_, values)| Arc::new(StringArray::from(values)) as ArrayRef).collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
        Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
    };
    let same = |text: &str, count: usize| vec![text.to_owned(); count];
    let tables = table(vec![
        ("table_catalog", same(CATALOG, docs.len())),
        ("table_schema", same(SCHEMA, docs.len())),
        ("table_name", docs.iter().map(|doc| doc.name.clone()).collect()),
        ("table_type", same("VIEW", docs.len())),
        ("meaning", docs.iter().map(|doc| doc.meaning.clone()).collect()),
    ])?;
    let rows: Vec<_> =
        docs.iter().flat_map(|doc| doc.columns.iter().enumerate().map(move |(place, column)| (doc, place, column))).collect();
    let columns = table(vec![
        ("table_catalog", same(CATALOG, rows.len())),
        ("table_schema", same(SCHEMA, rows.len())),
        ("table_name", rows.iter().map(|(doc, _, _)| doc.name.clone()).collect()),
        ("column_name", rows.iter().map(|(_, _, column)| column.name.clone()).collect()),
        ("ordinal_position", rows.iter().map(|(_, place, _)| (place + 1).to_string()).collect()),
        ("is_nullable", same("YES", rows.len())),
        ("data_type", rows.iter().map(|(_, _, column)| column.kind.clone()).collect()),
        ("meaning", rows.iter().map(|(_, _, column)| column.meaning.clone()).collect()),
    ])?;
    Ok(vec![("tables", tables), ("columns", columns)])
}
