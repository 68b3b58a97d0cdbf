//! Moments in SQL: literals in the ledger's form, lengths of time in seconds, business days.

use std::sync::Arc;

use arrow::array::{Array, Int64Array, IntervalMonthDayNanoBuilder, TimestampMicrosecondArray, TimestampMicrosecondBuilder};
use arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use privyseal_core::time::Timestamp;

use super::args::{TextColumn, array, column, time_type};

const DAY_MICROS: i64 = 86_400_000_000;

/// `utc('2026-07-01')`.
pub(super) fn utc(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [text] = args else { return exec_err!("`utc` takes a text") };
    // A moment stays what it is: a parameter may come as either.
    if matches!(text.data_type(), DataType::Timestamp(..)) {
        return text.cast_to(&time_type(), None);
    }
    let texts = TextColumn::of(text, rows)?;
    let mut times = TimestampMicrosecondBuilder::with_capacity(texts.len()).with_timezone("UTC");
    for row in 0..texts.len() {
        match texts.get(row).map(Timestamp::parse_lenient) {
            None => times.append_null(),
            Some(Ok(time)) => times.append_value(time.micros()),
            Some(Err(error)) => return exec_err!("{error}"),
        }
    }
    texts.result(Arc::new(times.finish()))
}

/// `seconds(90)`.
pub(super) fn seconds(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [count] = args else { return exec_err!("`seconds` takes a number") };
    let counts: Int64Array = column(count, rows, &DataType::Int64)?;
    let mut intervals = IntervalMonthDayNanoBuilder::with_capacity(rows);
    for count in &counts {
        match count.map(|count| count.checked_mul(1_000_000_000)) {
            None => intervals.append_null(),
            Some(Some(nanoseconds)) => intervals.append_value(IntervalMonthDayNano::new(0, 0, nanoseconds)),
            Some(None) => return exec_err!("`seconds` goes up to 292 years"),
        }
    }
    Ok(array(intervals.finish()))
}

/// `business_days_after(time, days)`: the same time of day, so many days from Monday to Friday later.
pub(super) fn business_days_after(args: &[ColumnarValue], rows: usize) -> Result<ColumnarValue> {
    let [time, days] = args else { return exec_err!("`business_days_after` takes a time and a number") };
    let times: TimestampMicrosecondArray = column(time, rows, &time_type())?;
    let days: Int64Array = column(days, rows, &DataType::Int64)?;
    let mut result = TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
    for row in 0..rows {
        if times.is_null(row) || days.is_null(row) {
            result.append_null();
        } else {
            result.append_value(after(times.value(row), days.value(row).clamp(0, 3_650)));
        }
    }
    Ok(array(result.finish()))
}

fn after(mut micros: i64, mut days: i64) -> i64 {
    while days > 0 {
        micros = micros.saturating_add(DAY_MICROS);
        // 1970-01-01 was a Thursday: counted from Monday it is day 3.
        let weekday = (micros.div_euclid(DAY_MICROS) + 3).rem_euclid(7);
        if weekday < 5 {
            days -= 1;
        }
    }
    micros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_do_not_count() {
        for (from, days, to) in [
            ("2026-11-20T10:00:00Z", 2, "2026-11-24T10:00:00Z"), // Friday to Tuesday
            ("2026-11-21T10:00:00Z", 1, "2026-11-23T10:00:00Z"), // Saturday to Monday
            ("2026-11-23T10:00:00Z", 0, "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00:00Z", 5, "2026-11-30T10:00:00Z"),
        ] {
            let micros = |text: &str| text.parse::<Timestamp>().unwrap().micros();
            assert_eq!(after(micros(from), days), micros(to), "{from} + {days}");
        }
    }
}
