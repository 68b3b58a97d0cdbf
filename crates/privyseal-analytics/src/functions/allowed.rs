//! DataFusion's own functions that SQL may use, by hand: a new version of DataFusion brings no new function into a session.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result};
use datafusion::functions::{core, crypto, datetime, math, regex, string, unicode};
use datafusion::functions_aggregate as aggregates;
use datafusion::functions_nested as nested;
use datafusion::functions_window as windows;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{AggregateUDF, Expr, GetFieldAccess, ScalarUDF, WindowUDF};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::bounded::{Bounded, Growth, text_concat};

/// Names that the parser takes for functions although the planner makes expressions of them.
pub(super) const SYNTAX: &[&str] = &["extract", "position", "substring", "trim", "ceil", "floor", "cast", "try_cast", "unnest"];

pub(super) fn scalar() -> Vec<Arc<ScalarUDF>> {
    // These ask for the session's time zone; ours is UTC, which is also the default.
    let defaults = ConfigOptions::default();
    let mut functions = vec![
        core::nullif(),
        core::nvl(),
        core::nvl2(),
        core::coalesce(),
        core::greatest(),
        core::least(),
        core::get_field(),
        datetime::date_part(),
        super::trunc::date_trunc(),
        datetime::date_bin(),
        datetime::make_date(),
        datetime::to_date(),
        datetime::to_timestamp(&defaults),
        datetime::to_timestamp_millis(&defaults),
        datetime::to_timestamp_micros(&defaults),
        datetime::to_unixtime(),
        datetime::from_unixtime(),
        math::abs(),
        math::ceil(),
        math::floor(),
        math::round(),
        math::signum(),
        math::trunc(),
        math::power(),
        math::sqrt(),
        math::exp(),
        math::ln(),
        math::log(),
        math::log10(),
        math::log2(),
        math::isnan(),
        math::iszero(),
        math::nanvl(),
        string::ascii(),
        string::bit_length(),
        string::btrim(),
        string::chr(),
        string::contains(),
        string::ends_with(),
        string::lower(),
        string::ltrim(),
        string::octet_length(),
        string::rtrim(),
        string::split_part(),
        string::starts_with(),
        string::to_hex(),
        string::upper(),
        unicode::character_length(),
        unicode::initcap(),
        unicode::left(),
        unicode::reverse(),
        unicode::right(),
        unicode::strpos(),
        unicode::substr(),
        unicode::translate(),
        regex::regexp_count(),
        regex::regexp_instr(),
        regex::regexp_like(),
        regex::regexp_match(),
        crypto::sha256(),
        nested::array_has::array_has_udf(),
        nested::array_has::array_has_all_udf(),
        nested::array_has::array_has_any_udf(),
        nested::cardinality::cardinality_udf(),
        nested::extract::array_element_udf(),
        nested::length::array_length_udf(),
        nested::position::array_position_udf(),
        nested::set_ops::array_distinct_udf(),
        nested::set_ops::array_intersect_udf(),
        nested::sort::array_sort_udf(),
        nested::empty::array_empty_udf(),
    ];
    functions.extend([
        Bounded::wrap(string::concat(), Growth::Sum),
        Bounded::wrap(string::concat_ws(), Growth::Join),
        Bounded::wrap(string::replace(), Growth::Replace),
        Bounded::wrap(regex::regexp_replace(), Growth::Replace),
        Bounded::wrap(datetime::to_char(), Growth::Format),
        Bounded::wrap(nested::string::array_to_string_udf(), Growth::Separate),
        text_concat(),
    ]);
    functions
}

pub(super) fn aggregate() -> Vec<Arc<AggregateUDF>> {
    vec![
        aggregates::any_value::any_value_udaf(),
        aggregates::approx_distinct::approx_distinct_udaf(),
        aggregates::approx_percentile_cont::approx_percentile_cont_udaf(),
        aggregates::array_agg::array_agg_udaf(),
        aggregates::average::avg_udaf(),
        aggregates::bool_and_or::bool_and_udaf(),
        aggregates::bool_and_or::bool_or_udaf(),
        aggregates::count::count_udaf(),
        aggregates::first_last::first_value_udaf(),
        aggregates::first_last::last_value_udaf(),
        aggregates::grouping::grouping_udaf(),
        aggregates::median::median_udaf(),
        aggregates::min_max::max_udaf(),
        aggregates::min_max::min_udaf(),
        aggregates::nth_value::nth_value_udaf(),
        aggregates::percentile_cont::percentile_cont_udaf(),
        aggregates::stddev::stddev_pop_udaf(),
        aggregates::stddev::stddev_udaf(),
        aggregates::string_agg::string_agg_udaf(),
        aggregates::sum::sum_udaf(),
        aggregates::variance::var_pop_udaf(),
        aggregates::variance::var_samp_udaf(),
    ]
}

pub(super) fn window() -> Vec<Arc<WindowUDF>> {
    vec![
        windows::cume_dist::cume_dist_udwf(),
        windows::lead_lag::lag_udwf(),
        windows::lead_lag::lead_udwf(),
        windows::nth_value::first_value_udwf(),
        windows::nth_value::last_value_udwf(),
        windows::nth_value::nth_value_udwf(),
        windows::ntile::ntile_udwf(),
        windows::rank::dense_rank_udwf(),
        windows::rank::percent_rank_udwf(),
        windows::rank::rank_udwf(),
        windows::row_number::row_number_udwf(),
    ]
}

pub(super) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
    vec![
        Arc::new(Operators),
        Arc::new(datafusion::functions::datetime::planner::DatetimeFunctionPlanner),
        Arc::new(datafusion::functions::unicode::planner::UnicodeFunctionPlanner),
        Arc::new(datafusion::functions_aggregate::planner::AggregateFunctionPlanner),
        Arc::new(datafusion::functions_window::planner::WindowFunctionPlanner),
    ]
}

/// `a || b`, `struct['member']` and `list[1]`. DataFusion's own planner for these also makes arrays and slices, which are left out.
#[derive(Debug)]
struct Operators;

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, _: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        if expr.op == BinaryOperator::StringConcat {
            return Ok(PlannerResult::Planned(text_concat().call(vec![expr.left, expr.right])));
        }
        Ok(PlannerResult::Original(expr))
    }

    fn plan_field_access(&self, expr: RawFieldAccessExpr, _: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        match expr.field_access {
            GetFieldAccess::NamedStructField { name } => {
                let name = Expr::Literal(name, None);
                Ok(PlannerResult::Planned(core::get_field().call(vec![expr.expr, name])))
            }
            GetFieldAccess::ListIndex { key } => {
                Ok(PlannerResult::Planned(nested::extract::array_element_udf().call(vec![expr.expr, *key])))
            }
            GetFieldAccess::ListRange { .. } => Ok(PlannerResult::Original(expr)),
        }
    }
}
