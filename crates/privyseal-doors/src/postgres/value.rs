//! Values of answers as PostgreSQL writes them, as text and as bytes.

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Schema, TimeUnit, TimestampMicrosecondType, UInt32Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::{BufMut as _, BytesMut};
use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat};
use serde_json::{Map, Value};

use super::fault::Fault;

/// The types that answers have here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Bytea,
    Char,
    Name,
    Int8,
    Int2,
    Int4,
    Text,
    Oid,
    Json,
    Float4,
    Float8,
    Date,
    Timestamp,
    Interval,
    Numeric,
    BoolList,
    Int8List,
    TextList,
    Float8List,
    TimestampList,
}

impl Kind {
    /// Its number in PostgreSQL's catalogue.
    pub(super) fn oid(self) -> u32 {
        match self {
            Kind::Bool => 16,
            Kind::Bytea => 17,
            Kind::Char => 18,
            Kind::Name => 19,
            Kind::Int8 => 20,
            Kind::Int2 => 21,
            Kind::Int4 => 23,
            Kind::Text => 25,
            Kind::Oid => 26,
            Kind::Json => 114,
            Kind::Float4 => 700,
            Kind::Float8 => 701,
            Kind::Date => 1082,
            Kind::Timestamp => 1184,
            Kind::Interval => 1186,
            Kind::Numeric => 1700,
            Kind::BoolList => 1000,
            Kind::Int8List => 1016,
            Kind::TextList => 1009,
            Kind::Float8List => 1022,
            Kind::TimestampList => 1185,
        }
    }

    /// Bytes of a value; -1 when they vary.
    pub(super) fn size(self) -> i16 {
        match self {
            Kind::Bool | Kind::Char => 1,
            Kind::Int2 => 2,
            Kind::Int4 | Kind::Oid | Kind::Float4 | Kind::Date => 4,
            Kind::Int8 | Kind::Float8 | Kind::Timestamp => 8,
            Kind::Interval => 16,
            Kind::Name => 64,
            _ => -1,
        }
    }

    /// What a column of an answer is.
    pub(super) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Kind::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Kind::Int2,
            DataType::Int32 | DataType::UInt16 => Kind::Int4,
            DataType::Int64 | DataType::UInt32 => Kind::Int8,
            DataType::UInt64 | DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
                Kind::Numeric
            }
            DataType::Float16 | DataType::Float32 => Kind::Float4,
            DataType::Float64 => Kind::Float8,
            DataType::Timestamp(..) => Kind::Timestamp,
            DataType::Date32 | DataType::Date64 => Kind::Date,
            DataType::Interval(_) | DataType::Duration(_) => Kind::Interval,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => Kind::Bytea,
            DataType::Dictionary(_, value) => Kind::of(value),
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => match Kind::of(item.data_type()) {
                Kind::Bool => Kind::BoolList,
                Kind::Int2 | Kind::Int4 | Kind::Int8 => Kind::Int8List,
                Kind::Text => Kind::TextList,
                Kind::Float4 | Kind::Float8 => Kind::Float8List,
                Kind::Timestamp => Kind::TimestampList,
                _ => Kind::Json,
            },
            DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => Kind::Json,
            _ => Kind::Text,
        }
    }

    /// Of which type its items are, when it is a list.
    fn item(self) -> Option<Self> {
        match self {
            Kind::BoolList => Some(Kind::Bool),
            Kind::Int8List => Some(Kind::Int8),
            Kind::TextList => Some(Kind::Text),
            Kind::Float8List => Some(Kind::Float8),
            Kind::TimestampList => Some(Kind::Timestamp),
            _ => None,
        }
    }

    /// The form in Arrow that values of it are written from.
    fn form(self) -> Option<DataType> {
        Some(match self {
            Kind::Bool => DataType::Boolean,
            Kind::Bytea => DataType::Binary,
            Kind::Int2 => DataType::Int16,
            Kind::Int4 => DataType::Int32,
            Kind::Int8 => DataType::Int64,
            Kind::Oid => DataType::UInt32,
            Kind::Float4 => DataType::Float32,
            Kind::Float8 => DataType::Float64,
            Kind::Date => DataType::Date32,
            Kind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Kind::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Kind::Text | Kind::Char | Kind::Name => DataType::Utf8,
            Kind::Json | Kind::Numeric => return None,
            Kind::BoolList | Kind::Int8List | Kind::TextList | Kind::Float8List | Kind::TimestampList => return None,
        })
    }
}

/// A batch whose columns are in the forms that values are written from.
pub(super) struct Rows {
    columns: Vec<(Kind, ArrayRef)>,
    count: usize,
}

impl Rows {
    /// A batch of these types.
    pub(super) fn new(batch: &RecordBatch, kinds: &[Kind]) -> Result<Self, Fault> {
        let columns = batch.columns().iter().zip(kinds).map(|(array, kind)| Ok((*kind, formed(array, *kind)?)));
        Ok(Self { columns: columns.collect::<Result<_, Fault>>()?, count: batch.num_rows() })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Writes one row as the body of a DataRow; `formats` says of each column whether it is wanted as bytes.
    pub(super) fn write(&self, row: usize, formats: &[bool], body: &mut BytesMut) -> Result<(), Fault> {
        body.put_u16(u16::try_from(self.columns.len()).unwrap_or(u16::MAX));
        for (place, (kind, array)) in self.columns.iter().enumerate() {
            let is_binary = formats.get(place).copied().unwrap_or(false);
            sized(body, |body| value(*kind, array, row, is_binary, body))?;
        }
        Ok(())
    }
}

fn formed(array: &ArrayRef, kind: Kind) -> Result<ArrayRef, Fault> {
    let failed = |error: arrow::error::ArrowError| Fault::error("22000", format!("a column of the answer cannot be shown: {error}"));
    if let Some(item) = kind.item().and_then(Kind::form) {
        let field = arrow::datatypes::Field::new_list_field(item, true);
        return cast(array, &DataType::List(field.into())).map_err(failed);
    }
    match kind.form() {
        // A moment without a zone is in UTC here.
        Some(form) if *array.data_type() != form => cast(array, &form).map_err(failed),
        _ => Ok(array.clone()),
    }
}

/// Writes what `body` writes with its length before it; -1 stands for NULL, which is when it writes nothing and says so.
fn sized(out: &mut BytesMut, write: impl FnOnce(&mut BytesMut) -> Result<bool, Fault>) -> Result<(), Fault> {
    let start = out.len();
    out.put_i32(-1);
    if write(out)? {
        let length = i32::try_from(out.len() - start - 4).map_err(|_| Fault::error("54000", "a value is larger than 2 GiB"))?;
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// One value; false for NULL.
fn value(kind: Kind, array: &ArrayRef, row: usize, is_binary: bool, out: &mut BytesMut) -> Result<bool, Fault> {
    if array.is_null(row) || row >= array.len() || *array.data_type() == DataType::Null {
        return Ok(false);
    }
    match (kind, is_binary) {
        (Kind::Bool, true) => out.put_u8(u8::from(array.as_boolean().value(row))),
        (Kind::Bool, false) => out.put_slice(if array.as_boolean().value(row) { b"t" } else { b"f" }),
        (Kind::Bytea, true) => out.put_slice(array.as_binary::<i32>().value(row)),
        (Kind::Bytea, false) => {
            out.put_slice(b"\\x");
            out.put_slice(privyseal_core::digest::hex(array.as_binary::<i32>().value(row)).as_bytes());
        }
        (Kind::Int2, true) => out.put_i16(array.as_primitive::<Int16Type>().value(row)),
        (Kind::Int2, false) => shown(out, array.as_primitive::<Int16Type>().value(row)),
        (Kind::Int4, true) => out.put_i32(array.as_primitive::<Int32Type>().value(row)),
        (Kind::Int4, false) => shown(out, array.as_primitive::<Int32Type>().value(row)),
        (Kind::Int8, true) => out.put_i64(array.as_primitive::<Int64Type>().value(row)),
        (Kind::Int8, false) => shown(out, array.as_primitive::<Int64Type>().value(row)),
        (Kind::Oid, true) => out.put_u32(array.as_primitive::<UInt32Type>().value(row)),
        (Kind::Oid, false) => shown(out, array.as_primitive::<UInt32Type>().value(row)),
        (Kind::Float4, true) => out.put_f32(array.as_primitive::<Float32Type>().value(row)),
        (Kind::Float4, false) => {
            fraction(out, array.as_primitive::<Float32Type>().value(row).into(), &array.as_primitive::<Float32Type>().value(row))
        }
        (Kind::Float8, true) => out.put_f64(array.as_primitive::<Float64Type>().value(row)),
        (Kind::Float8, false) => {
            fraction(out, array.as_primitive::<Float64Type>().value(row), &array.as_primitive::<Float64Type>().value(row))
        }
        (Kind::Text | Kind::Char | Kind::Name, _) => out.put_slice(array.as_string::<i32>().value(row).as_bytes()),
        (Kind::Date, _) => date(array.as_primitive::<Date32Type>().value(row), is_binary, out)?,
        (Kind::Timestamp, _) => moment(array.as_primitive::<TimestampMicrosecondType>().value(row), is_binary, out)?,
        (Kind::Interval, _) => interval(array.as_primitive::<IntervalMonthDayNanoType>().value(row), is_binary, out),
        (Kind::Numeric, _) => numeric(&digits(array, row)?, is_binary, out)?,
        (Kind::Json, _) => out.put_slice(json(array, row)?.to_string().as_bytes()),
        (Kind::BoolList | Kind::Int8List | Kind::TextList | Kind::Float8List | Kind::TimestampList, _) => {
            let items = array.as_list::<i32>().value(row);
            let item = kind.item().unwrap_or(Kind::Text);
            if is_binary { list_bytes(item, &items, out)? } else { list_text(item, &items, out)? }
        }
    }
    Ok(true)
}

fn shown(out: &mut BytesMut, value: impl ToString) {
    out.put_slice(value.to_string().as_bytes());
}

/// The shortest text that means the same number, with PostgreSQL's words for what is no number.
fn fraction(out: &mut BytesMut, wide: f64, value: &impl ToString) {
    if wide.is_nan() {
        out.put_slice(b"NaN");
    } else if wide.is_infinite() {
        out.put_slice(if wide > 0.0 { b"Infinity" } else { b"-Infinity" });
    } else if wide != 0.0 && !(1e-5..1e15).contains(&wide.abs()) {
        let text = format!("{wide:e}");
        out.put_slice(text.as_bytes());
    } else {
        shown(out, value.to_string());
    }
}

/// 2000-01-01, where PostgreSQL's days and microseconds begin, after 1970-01-01.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = 946_684_800_000_000;

fn out_of_range() -> Fault {
    Fault::error("22008", "a moment of the answer is too far from now to be shown")
}

fn date(days: i32, is_binary: bool, out: &mut BytesMut) -> Result<(), Fault> {
    if is_binary {
        out.put_i32(days.checked_sub(EPOCH_DAYS).ok_or_else(out_of_range)?);
        return Ok(());
    }
    let date = NaiveDate::from_epoch_days(days).ok_or_else(out_of_range)?;
    let (year, era) = era(date.year());
    shown(out, format!("{year:04}-{:02}-{:02}{era}", date.month(), date.day()));
    Ok(())
}

/// The year as PostgreSQL counts it, and what stands behind a date before year 1.
fn era(year: i32) -> (i32, &'static str) {
    if year > 0 { (year, "") } else { (1_i32.saturating_sub(year), " BC") }
}

fn moment(micros: i64, is_binary: bool, out: &mut BytesMut) -> Result<(), Fault> {
    if is_binary {
        out.put_i64(micros.checked_sub(EPOCH_MICROS).ok_or_else(out_of_range)?);
        return Ok(());
    }
    let moment = DateTime::from_timestamp_micros(micros).ok_or_else(out_of_range)?;
    let (year, era) = era(moment.year());
    let rest = moment.format("-%m-%d %H:%M:%S");
    let fraction = match micros.rem_euclid(1_000_000) {
        0 => String::new(),
        fraction => format!(".{fraction:06}").trim_end_matches('0').to_owned(),
    };
    shown(out, format!("{year:04}{rest}{fraction}+00{era}"));
    Ok(())
}

fn interval(value: IntervalMonthDayNano, is_binary: bool, out: &mut BytesMut) {
    let micros = value.nanoseconds / 1_000;
    if is_binary {
        out.put_i64(micros);
        out.put_i32(value.days);
        out.put_i32(value.months);
        return;
    }
    let mut parts = Vec::new();
    let mut part = |count: i32, one: &str| {
        if count != 0 {
            parts.push(format!("{count} {one}{}", if count == 1 { "" } else { "s" }));
        }
    };
    part(value.months / 12, "year");
    part(value.months % 12, "mon");
    part(value.days, "day");
    if micros != 0 || parts.is_empty() {
        let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
        let (seconds, fraction) = (micros / 1_000_000, micros % 1_000_000);
        let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:06}").trim_end_matches('0').to_owned() };
        parts.push(format!("{sign}{:02}:{:02}:{:02}{fraction}", seconds / 3_600, seconds / 60 % 60, seconds % 60));
    }
    shown(out, parts.join(" "));
}

/// A number in its digits, `-12.50`.
fn digits(array: &ArrayRef, row: usize) -> Result<String, Fault> {
    Ok(match array.data_type() {
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        _ => formatted(array, row)?,
    })
}

fn formatted(array: &ArrayRef, row: usize) -> Result<String, Fault> {
    let failed = |error: arrow::error::ArrowError| Fault::error("22000", format!("a value of the answer cannot be shown: {error}"));
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(failed)?;
    formatter.value(row).try_to_string().map_err(failed)
}

/// PostgreSQL keeps numbers in groups of four digits on both sides of the point.
fn numeric(text: &str, is_binary: bool, out: &mut BytesMut) -> Result<(), Fault> {
    if !is_binary {
        out.put_slice(text.as_bytes());
        return Ok(());
    }
    let (is_negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = plain.split_once('.').unwrap_or((plain, ""));
    let whole = whole.trim_start_matches('0');
    let lead = (4 - whole.len() % 4) % 4;
    let tail = (4 - part.len() % 4) % 4;
    let padded = format!("{}{whole}{part}{}", "0".repeat(lead), "0".repeat(tail));
    let unfit = || Fault::error("22003", "a number of the answer cannot be shown");
    let groups: Vec<i16> =
        padded.as_bytes().chunks(4).map(|group| std::str::from_utf8(group).ok()?.parse().ok()).collect::<Option<_>>().ok_or_else(unfit)?;
    let weight = i16::try_from((whole.len() + lead) / 4).map_err(|_| unfit())? - 1;
    // Groups that say nothing are left out on both sides.
    let skipped = groups.iter().take_while(|group| **group == 0).count();
    let kept = groups.len() - groups.iter().rev().take_while(|group| **group == 0).count().min(groups.len() - skipped);
    let groups = groups.get(skipped..kept).unwrap_or_default();
    let weight = if groups.is_empty() { 0 } else { weight - i16::try_from(skipped).map_err(|_| unfit())? };
    out.put_u16(u16::try_from(groups.len()).map_err(|_| unfit())?);
    out.put_i16(weight);
    out.put_u16(if is_negative && !groups.is_empty() { 0x4000 } else { 0 });
    out.put_u16(u16::try_from(part.len()).map_err(|_| unfit())?);
    groups.iter().for_each(|group| out.put_i16(*group));
    Ok(())
}

fn list_bytes(item: Kind, items: &ArrayRef, out: &mut BytesMut) -> Result<(), Fault> {
    out.put_i32(i32::from(!items.is_empty()));
    out.put_i32(i32::from(items.null_count() > 0));
    out.put_u32(item.oid());
    if !items.is_empty() {
        out.put_i32(i32::try_from(items.len()).map_err(|_| Fault::error("54000", "a list is too long"))?);
        out.put_i32(1);
    }
    (0..items.len()).try_for_each(|place| sized(out, |out| value(item, items, place, true, out)))
}

fn list_text(item: Kind, items: &ArrayRef, out: &mut BytesMut) -> Result<(), Fault> {
    out.put_u8(b'{');
    for place in 0..items.len() {
        if place > 0 {
            out.put_u8(b',');
        }
        let mut one = BytesMut::new();
        if !value(item, items, place, false, &mut one)? {
            out.put_slice(b"NULL");
            continue;
        }
        let needs_quotes = one.is_empty()
            || one.eq_ignore_ascii_case(b"null")
            || one.iter().any(|byte| matches!(byte, b'{' | b'}' | b',' | b'"' | b'\\') || byte.is_ascii_whitespace());
        if !needs_quotes {
            out.put_slice(&one);
            continue;
        }
        out.put_u8(b'"');
        for byte in one {
            if matches!(byte, b'"' | b'\\') {
                out.put_u8(b'\\');
            }
            out.put_u8(byte);
        }
        out.put_u8(b'"');
    }
    out.put_u8(b'}');
    Ok(())
}

/// A value of any type as JSON.
fn json(array: &ArrayRef, row: usize) -> Result<Value, Fault> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    let members = |items: &ArrayRef| (0..items.len()).map(|place| json(items, place)).collect::<Result<Vec<_>, _>>().map(Value::Array);
    Ok(match array.data_type() {
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns).map(|(field, column)| Ok((field.name().clone(), json(column, row)?)));
            Value::Object(members.collect::<Result<Map<_, _>, Fault>>()?)
        }
        DataType::List(_) => members(&array.as_list::<i32>().value(row))?,
        DataType::LargeList(_) => members(&array.as_list::<i64>().value(row))?,
        DataType::FixedSizeList(..) => members(&array.as_fixed_size_list().value(row))?,
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        DataType::Timestamp(..) => {
            let array = formed(array, Kind::Timestamp)?;
            let moment =
                DateTime::from_timestamp_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)).ok_or_else(out_of_range)?;
            moment.to_rfc3339_opts(SecondsFormat::AutoSi, true).into()
        }
        _ => formatted(array, row)?.into(),
    })
}

/// Types of the columns of a schema.
pub(super) fn kinds(schema: &Schema) -> Vec<Kind> {
    schema.fields().iter().map(|field| Kind::of(field.data_type())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric_bytes(text: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        numeric(text, true, &mut out).unwrap();
        out.to_vec()
    }

    /// What PostgreSQL 15 itself answers to `SELECT numeric_send(…)`.
    #[test]
    fn numbers_are_what_postgresql_sends() {
        for (text, hex) in [
            ("0", "0000000000000000"),
            ("0.00", "0000000000000002"),
            ("1", "00010000000000000001"),
            ("-12.50", "0002000040000002000c1388"),
            ("10000", "00010001000000000001"),
            ("0.0001", "0001ffff000000040001"),
            ("0.00000001", "0001fffe000000080001"),
            ("123456789012345678901234567890.12", "000900070000000200"),
        ] {
            let sent = privyseal_core::digest::hex(&numeric_bytes(text));
            assert!(sent.starts_with(hex), "{text}: {sent}");
        }
    }

    #[test]
    fn moments_and_intervals_read_as_in_postgresql() {
        let text = |write: &dyn Fn(&mut BytesMut)| {
            let mut out = BytesMut::new();
            write(&mut out);
            String::from_utf8(out.to_vec()).unwrap()
        };
        assert_eq!(text(&|out| moment(0, false, out).unwrap()), "1970-01-01 00:00:00+00");
        assert_eq!(text(&|out| moment(-1, false, out).unwrap()), "1969-12-31 23:59:59.999999+00");
        assert_eq!(text(&|out| moment(-62_135_596_800_000_001, false, out).unwrap()), "0001-12-31 23:59:59.999999+00 BC");
        assert_eq!(text(&|out| date(EPOCH_DAYS, false, out).unwrap()), "2000-01-01");
        assert_eq!(
            text(&|out| interval(IntervalMonthDayNano::new(14, -1, 90_500_000_000), false, out)),
            "1 year 2 mons -1 days 00:01:30.5"
        );
        assert_eq!(text(&|out| interval(IntervalMonthDayNano::new(0, 0, 0), false, out)), "00:00:00");
        for micros in [i64::MIN, i64::MAX] {
            let mut out = BytesMut::new();
            assert!(moment(micros, false, &mut out).is_err(), "no panic at the ends of time");
        }
    }
}
