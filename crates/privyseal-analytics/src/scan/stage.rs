//! Filters and projections that a scan takes in, so that the thread that has read a batch also works on it.
//!
//! Members of one JSON text are taken out in one pass, however many of them filters and columns name.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;

use crate::functions::Extraction;

/// One step over a batch.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    /// Members that are taken out first; their columns stand behind those of the batch.
    extractions: Vec<(usize, Arc<Extraction>)>,
    /// The batch with them.
    extended: SchemaRef,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    Filter { predicate: Arc<dyn PhysicalExpr>, projection: Vec<usize> },
    Project { exprs: Vec<Arc<dyn PhysicalExpr>>, schema: SchemaRef },
}

impl Stage {
    /// The node as a step; none when it is something else.
    pub(super) fn of(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        if let Some(filter) = node.downcast_ref::<FilterExec>() {
            if filter.fetch().is_some() {
                return Ok(None);
            }
            let input = filter.input().schema();
            let (exprs, extractions, extended) = extract(vec![Arc::clone(filter.predicate())], &input)?;
            let Some(predicate) = exprs.into_iter().next() else { return Ok(None) };
            let projection = match filter.projection() {
                Some(places) => places.to_vec(),
                None => (0..input.fields().len()).collect(),
            };
            return Ok(Some(Self { extractions, extended, step: Step::Filter { predicate, projection } }));
        }
        if let Some(project) = node.downcast_ref::<ProjectionExec>() {
            let exprs = project.expr().iter().map(|projected| Arc::clone(&projected.expr)).collect();
            let (exprs, extractions, extended) = extract(exprs, &project.input().schema())?;
            return Ok(Some(Self { extractions, extended, step: Step::Project { exprs, schema: node.schema() } }));
        }
        Ok(None)
    }

    /// The column whose members this step wants, and the members, when it wants nothing else of that column and nothing of another text.
    pub(super) fn members(&self) -> Option<(usize, &Extraction)> {
        let (Step::Project { exprs, .. }, [(text, extraction)]) = (&self.step, self.extractions.as_slice()) else { return None };
        let wanted = exprs.iter().any(|expr| collect_columns(expr).iter().any(|column| column.index() == *text));
        (!wanted).then_some((*text, extraction))
    }

    /// Takes the members out.
    pub(super) fn extract(&self, batch: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let mut members = Vec::new();
        for (text, extraction) in &self.extractions {
            let text = batch.columns().get(*text).ok_or_else(|| exec_datafusion_err!("a column of the batch is missing"))?;
            members.extend(extraction.run(&ColumnarValue::Array(Arc::clone(text)), batch.num_rows())?);
        }
        Ok(members)
    }

    /// Does the step.
    pub(super) fn run(&self, batch: RecordBatch) -> Result<RecordBatch> {
        let members = self.extract(&batch)?;
        self.run_with(batch, members)
    }

    /// Does the step with members that were taken out already.
    pub(super) fn run_with(&self, batch: RecordBatch, members: Vec<ArrayRef>) -> Result<RecordBatch> {
        let extended = self.extend(&batch, members)?;
        match &self.step {
            Step::Filter { predicate, projection } => {
                let verdict = predicate.evaluate(&extended)?.into_array(extended.num_rows())?;
                let verdict = verdict.as_any().downcast_ref::<BooleanArray>();
                let verdict = verdict.ok_or_else(|| exec_datafusion_err!("a filter is not a truth value"))?;
                if verdict.null_count() == 0 && !verdict.has_false() {
                    return Ok(batch.project(projection)?);
                }
                Ok(filter_record_batch(&batch.project(projection)?, verdict)?)
            }
            Step::Project { exprs, schema } => {
                let rows = extended.num_rows();
                let columns = exprs.iter().map(|expr| expr.evaluate(&extended)?.into_array(rows)).collect::<Result<Vec<_>>>()?;
                let options = RecordBatchOptions::new().with_row_count(Some(rows));
                Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
            }
        }
    }

    fn extend(&self, batch: &RecordBatch, members: Vec<ArrayRef>) -> Result<RecordBatch> {
        if members.is_empty() {
            return Ok(batch.clone());
        }
        let columns = batch.columns().iter().cloned().chain(members).collect();
        Ok(RecordBatch::try_new(Arc::clone(&self.extended), columns)?)
    }
}

/// The expressions with columns in place of the members of JSON texts that they name, and how these columns are made.
type Extracted = (Vec<Arc<dyn PhysicalExpr>>, Vec<(usize, Arc<Extraction>)>, SchemaRef);

fn extract(exprs: Vec<Arc<dyn PhysicalExpr>>, input: &SchemaRef) -> Result<Extracted> {
    // The members first, so that each text has its own columns together.
    let mut extractions: Vec<(usize, Extraction)> = Vec::new();
    for expr in &exprs {
        expr.apply(|node| {
            if let Some((text, name, steps)) = member(node) {
                let known = extractions.iter_mut().find(|(known, _)| *known == text);
                let extraction = match known {
                    Some((_, extraction)) => extraction,
                    None => &mut extractions.push_mut((text, Extraction::default())).1,
                };
                extraction.add(name, &steps);
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })?;
    }
    let mut fields: Vec<Field> = input.fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut firsts = Vec::new();
    for (text, extraction) in &extractions {
        firsts.push((*text, fields.len()));
        fields.extend(extraction.fields());
    }
    let replaced = exprs.into_iter().map(|expr| {
        expr.transform_down(|node| {
            let Some((text, name, steps)) = member(&node) else { return Ok(Transformed::no(node)) };
            let first = firsts.iter().find(|(known, _)| *known == text).map(|(_, first)| *first);
            let place = extractions.iter().find(|(known, _)| *known == text).and_then(|(_, extraction)| extraction.find(name, &steps));
            match first.zip(place) {
                Some((first, place)) => Ok(Transformed::yes(Arc::new(Column::new(node.to_string().as_str(), first + place)) as _)),
                None => Ok(Transformed::no(node)),
            }
        })
        .data()
    });
    let replaced = replaced.collect::<Result<Vec<_>>>()?;
    let extractions = extractions.into_iter().map(|(text, extraction)| (text, Arc::new(extraction))).collect();
    Ok((replaced, extractions, Arc::new(Schema::new(fields))))
}

/// The text, function and path of an expression that takes a member out of a column.
fn member(expr: &Arc<dyn PhysicalExpr>) -> Option<(usize, &str, Vec<String>)> {
    let call = expr.downcast_ref::<ScalarFunctionExpr>().filter(|call| Extraction::takes(call.fun().name()))?;
    let (text, steps) = call.args().split_first()?;
    let text = text.downcast_ref::<Column>()?.index();
    let steps = steps.iter().map(|step| {
        let literal = step.downcast_ref::<Literal>()?;
        crate::functions::step(literal.value())
    });
    Some((text, call.fun().name(), steps.collect::<Option<_>>()?))
}
