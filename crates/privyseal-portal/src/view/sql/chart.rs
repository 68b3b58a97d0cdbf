//! A result as a picture: bars, a line, or points. Drawn here, without a script, because the content policy lets no style stand in a
//! page: everything is a path in a square of 1000 by 1000 that the style sheet stretches, and words stand beside it as words.

use privyseal_core::port::AnswerColumn;
use privyseal_core::time::Timestamp;
use serde_json::Value;

use crate::view::text::Untrusted;

/// Side of the drawing's square.
const SIDE: f64 = 1000.0;
/// Most bars together: more are no picture.
const MOST_BARS: usize = 40;
/// Most columns that name a row.
const MOST_NAMES: usize = 3;
/// Most columns that are drawn; each needs a colour of its own.
const MOST_SERIES: usize = 4;

/// The picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The column along which it is drawn.
    pub along: Untrusted,
    /// The columns that are drawn.
    pub series: Vec<Series>,
    /// What suits the rows best.
    pub form: Form,
    /// One group of bars per row.
    pub bars: Vec<Bar>,
    /// Rows that have no bar, because there are too many.
    pub without_bar: usize,
    /// The values at the lines of the grid, from the top.
    pub ticks: Vec<String>,
    /// The lines of the grid.
    pub grid: String,
    /// What stands at the left end, in the middle, and at the right end.
    pub ends: Vec<Untrusted>,
}

/// How it can be drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One bar per value.
    Bars,
    /// A line from value to value.
    Line,
    /// One point per value.
    Points,
}

impl Form {
    /// All, in the order in which they are offered.
    pub const ALL: [Form; 3] = [Form::Bars, Form::Line, Form::Points];

    /// Its name.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Form::Bars => "Bars",
            Form::Line => "Line",
            Form::Points => "Points",
        }
    }

    /// Its name for the style sheet.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Form::Bars => "bars",
            Form::Line => "line",
            Form::Points => "points",
        }
    }
}

/// One column that is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// The column.
    pub name: Untrusted,
    /// Its colour: 1 to 4.
    pub colour: usize,
    /// The line as a path.
    pub line: String,
    /// The points as a path of strokes without length.
    pub points: String,
}

/// The bars of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// What the row is about.
    pub label: Untrusted,
    /// Its values.
    pub measures: Vec<Measure>,
}

/// One bar.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its colour: 1 to 4.
    pub colour: usize,
    /// Where it begins, of 1000.
    pub from: String,
    /// How long it is, of 1000.
    pub length: String,
    /// The value.
    pub text: String,
}

/// What runs along the drawing.
enum Along {
    Time,
    Text,
    Number,
}

impl Chart {
    /// The picture of these rows; `None` when they make none: fewer than two, or without a number to draw.
    #[must_use]
    pub fn of(columns: &[AnswerColumn], rows: &[Vec<Value>]) -> Option<Self> {
        if rows.len() < 2 {
            return None;
        }
        let numeric: Vec<usize> = positions(columns, |column| is_numeric(&column.kind));
        let first_moment = positions(columns, |column| is_moment(&column.kind)).first().copied();
        let texts = positions(columns, |column| is_text(&column.kind));
        let (x, along) = match (first_moment, texts.first()) {
            (Some(x), _) => (x, Along::Time),
            (None, Some(x)) => (*x, Along::Text),
            (None, None) => (*numeric.first()?, Along::Number),
        };
        // Several texts name a row together.
        let named: Vec<usize> = if matches!(along, Along::Text) { texts.into_iter().take(MOST_NAMES).collect() } else { vec![x] };
        let drawn = numeric.into_iter().filter(|column| *column != x && rows.iter().any(|row| value(row, *column).is_some()));
        let drawn: Vec<usize> = drawn.take(MOST_SERIES).collect();
        let values = drawn.iter().flat_map(|column| rows.iter().filter_map(|row| value(row, *column)));
        let (low, high) = values.fold((0.0_f64, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
        if drawn.is_empty() {
            return None;
        }
        let scale = Scale::of(low, high);
        let places = places(rows, x, &along);
        let series = drawn.iter().enumerate().map(|(index, column)| series(columns, rows, *column, index + 1, &places, &scale));
        let order = order(&places);
        let label = |row: &usize| rows.get(*row).map_or_else(String::new, |row| label(row, &named, &along));
        let (first, last) = (order.first()?, order.last()?);
        // What stands in the middle of the drawing, whether or not a row does.
        let middle = match along {
            Along::Text => order.get(order.len() / 2).map(label).filter(|_| order.len() % 2 == 1),
            Along::Time | Along::Number => halfway(label(first), label(last), &along),
        };
        let names: Vec<&str> = named.iter().filter_map(|column| Some(columns.get(*column)?.name.as_str())).collect();
        let most_bars = MOST_BARS / drawn.len();
        Some(Self {
            along: names.join(", ").into(),
            series: series.collect(),
            form: match along {
                Along::Time => Form::Line,
                Along::Text => Form::Bars,
                Along::Number => Form::Points,
            },
            bars: rows.iter().take(most_bars).map(|row| bar(row, self::label(row, &named, &along).into(), &drawn, &scale)).collect(),
            without_bar: rows.len().saturating_sub(most_bars),
            ticks: scale.ticks.iter().rev().map(|tick| scale.text(*tick)).collect(),
            grid: scale.ticks.iter().map(|tick| format!("M0 {}H1000", at(SIDE - scale.place(*tick)))).collect(),
            ends: [Some(label(first)), middle, Some(label(last))].into_iter().flatten().map(Untrusted::from).collect(),
        })
    }

    /// What it shows, in words.
    pub(super) fn title(&self) -> String {
        let names: Vec<String> = self.series.iter().map(|series| series.name.plain()).collect();
        format!("{} by {}", names.join(", "), self.along.plain())
    }
}

/// What is halfway between two ends.
fn halfway(first: String, last: String, along: &Along) -> Option<String> {
    match along {
        Along::Time => {
            let (first, last) = (Timestamp::parse_lenient(&first).ok()?, Timestamp::parse_lenient(&last).ok()?);
            Some(moment(Timestamp::from_micros(first.micros() + (last.micros() - first.micros()) / 2)))
        }
        Along::Number => Some(at((first.parse::<f64>().ok()? + last.parse::<f64>().ok()?) / 2.0)),
        Along::Text => None,
    }
}

fn moment(moment: Timestamp) -> String {
    let minute = moment.minute();
    if minute.ends_with(" 00:00") { moment.date() } else { minute }
}

fn positions(columns: &[AnswerColumn], is: impl Fn(&AnswerColumn) -> bool) -> Vec<usize> {
    columns.iter().enumerate().filter(|(_, column)| is(column)).map(|(index, _)| index).collect()
}

/// Whether a column of this type holds numbers.
pub(super) fn is_numeric(kind: &str) -> bool {
    ["bigint", "int", "smallint", "tinyint", "double", "float", "real", "decimal", "numeric"]
        .iter()
        .any(|numeric| kind.starts_with(numeric))
        && !kind.contains("[]")
        && !kind.starts_with("interval")
}

/// Whether a column of this type holds moments or days.
pub(super) fn is_moment(kind: &str) -> bool {
    (kind.starts_with("timestamp") || kind.starts_with("date")) && !kind.contains("[]")
}

fn is_text(kind: &str) -> bool {
    ["text", "varchar", "string", "boolean"].contains(&kind)
}

/// A value as a number; large ones come as text.
fn value(row: &[Value], column: usize) -> Option<f64> {
    let value = match row.get(column)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    value.filter(|value| value.is_finite())
}

/// Where each row stands along the drawing, 0 to 1000; `None` where it has no place.
fn places(rows: &[Vec<Value>], x: usize, along: &Along) -> Vec<Option<f64>> {
    let raw: Vec<Option<f64>> = rows
        .iter()
        .zip(0_u32..)
        .map(|(row, index)| match along {
            Along::Text => Some(f64::from(index)),
            Along::Number => value(row, x),
            Along::Time => {
                let moment = row.get(x).and_then(Value::as_str).and_then(|text| Timestamp::parse_lenient(text).ok());
                // Milliseconds of some thousand years: far below 2^53.
                moment.and_then(|moment| (moment.micros() / 1_000).to_string().parse().ok())
            }
        })
        .collect();
    let known = || raw.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    // One place only is the middle.
    let scaled = |value: f64| if high > low { (value - low) / (high - low) * SIDE } else { SIDE / 2.0 };
    raw.into_iter().map(|value| value.map(scaled)).collect()
}

/// The rows that have a place, from left to right.
fn order(places: &[Option<f64>]) -> Vec<usize> {
    let mut order: Vec<(f64, usize)> = places.iter().enumerate().filter_map(|(row, place)| Some(((*place)?, row))).collect();
    order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    order.into_iter().map(|(_, row)| row).collect()
}

fn series(columns: &[AnswerColumn], rows: &[Vec<Value>], column: usize, colour: usize, places: &[Option<f64>], scale: &Scale) -> Series {
    let (mut line, mut points) = (String::new(), String::new());
    for row in order(places) {
        let (Some(Some(x)), Some(y)) = (places.get(row), rows.get(row).and_then(|row| value(row, column))) else { continue };
        let (x, y) = (at(*x), at(SIDE - scale.place(y)));
        line.push_str(&format!("{}{x} {y}", if line.is_empty() { "M" } else { "L" }));
        points.push_str(&format!("M{x} {y}h0"));
    }
    Series { name: columns.get(column).map(|column| column.name.as_str().into()).unwrap_or_default(), colour, line, points }
}

fn bar(row: &[Value], label: Untrusted, drawn: &[usize], scale: &Scale) -> Bar {
    let measures = drawn.iter().zip(1..).filter_map(|(column, colour)| {
        let value = value(row, *column)?;
        let (zero, end) = (scale.place(0.0), scale.place(value));
        let text = match row.get(*column) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        };
        Some(Measure { colour, from: at(zero.min(end)), length: at((end - zero).abs()), text })
    });
    Bar { label, measures: measures.collect() }
}

/// What a row is about.
fn label(row: &[Value], named: &[usize], along: &Along) -> String {
    let one = |column: &usize| match (row.get(*column), along) {
        (Some(Value::String(text)), Along::Time) => Timestamp::parse_lenient(text).map_or_else(|_| text.clone(), moment),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(Value::Null) | None, _) => "NULL".to_owned(),
        (Some(other), _) => other.to_string(),
    };
    named.iter().map(one).collect::<Vec<_>>().join(" · ")
}

/// A coordinate with one digit behind the point.
fn at(place: f64) -> String {
    let text = format!("{place:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// From values to places, with lines at round numbers.
struct Scale {
    ticks: Vec<f64>,
    digits: usize,
}

impl Scale {
    /// A scale from `low`, at most 0, to `high`, at least 0.
    fn of(low: f64, high: f64) -> Self {
        let span = if high > low { high - low } else { 1.0 };
        // The power of ten below a fourth of the span, times 1, 2, 5 or 10.
        let raw = span / 4.0;
        let power = 10_f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0].into_iter().map(|times| times * power).find(|step| *step >= raw * 0.999).unwrap_or(10.0 * power);
        let (first, last) = ((low / step + 0.001).floor(), (high / step - 0.001).ceil());
        let mut ticks = Vec::new();
        let mut tick = first.min(0.0);
        while tick <= last && ticks.len() < 20 {
            ticks.push(tick * step);
            tick += 1.0;
        }
        if ticks.len() < 2 {
            ticks.push(step);
        }
        let digits = (0..9).find(|digits| (step * 10_f64.powi(*digits)).fract().abs() < 1e-6).unwrap_or(9);
        Self { ticks, digits: usize::try_from(digits).unwrap_or(0) }
    }

    fn place(&self, value: f64) -> f64 {
        let (Some(first), Some(last)) = (self.ticks.first(), self.ticks.last()) else { return 0.0 };
        ((value - first) / (last - first)).clamp(0.0, 1.0) * SIDE
    }

    fn text(&self, tick: f64) -> String {
        for (unit, name) in [(1e12, "T"), (1e9, "G"), (1e6, "M")] {
            if self.ticks.last().is_some_and(|last| last.abs() >= unit) && tick != 0.0 {
                return format!("{}{name}", at(tick / unit));
            }
        }
        // No minus in front of nothing.
        format!("{:.*}", self.digits, tick + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chart(columns: &[(&str, &str)], rows: Value) -> Option<Chart> {
        let columns: Vec<AnswerColumn> =
            columns.iter().map(|(name, kind)| AnswerColumn { name: (*name).to_owned(), kind: (*kind).to_owned() }).collect();
        let rows: Vec<Vec<Value>> = serde_json::from_value(rows).unwrap();
        Chart::of(&columns, &rows)
    }

    #[test]
    fn the_form_follows_from_the_columns() {
        for (columns, rows, expected) in [
            (&[("day", "timestamp"), ("n", "bigint")][..], json!([["2026-07-01", 1], ["2026-07-02", 2]]), Some(Form::Line)),
            (&[("n", "bigint"), ("who", "text")], json!([[1, "a"], [2, "b"]]), Some(Form::Bars)),
            (&[("risk", "smallint"), ("minutes", "double")], json!([[1, 2.5], [2, 1.5]]), Some(Form::Points)),
            (&[("n", "bigint")], json!([[1], [2]]), None),
            (&[("who", "text")], json!([["a"], ["b"]]), None),
            (&[("who", "text"), ("n", "bigint")], json!([["a", 1]]), None),
            (&[("who", "text"), ("n", "bigint")], json!([["a", null], ["b", null]]), None),
        ] {
            assert_eq!(chart(columns, rows).map(|chart| chart.form), expected, "{columns:?}");
        }
    }

    #[test]
    fn values_stand_where_the_scale_says() {
        let drawn =
            chart(&[("who", "text"), ("n", "bigint"), ("m", "decimal(10,1)")], json!([["a", 40, "-10.0"], ["b", 20, null]])).unwrap();
        assert_eq!(drawn.ticks, ["40", "20", "0", "-20"]);
        let measures: Vec<(&str, &str, &str)> =
            drawn.bars[0].measures.iter().map(|bar| (bar.from.as_str(), bar.length.as_str(), bar.text.as_str())).collect();
        assert_eq!(measures, [("333.3", "666.7", "40"), ("166.7", "166.7", "-10.0")]);
        assert_eq!(drawn.bars[1].measures.len(), 1);
        assert_eq!(drawn.series[0].line, "M0 0L1000 333.3");
        assert_eq!(drawn.series[1].points, "M0 833.3h0");
        assert_eq!(drawn.title(), "n, m by who");
    }

    #[test]
    fn moments_stand_in_their_order_and_at_their_distance() {
        let drawn = chart(
            &[("day", "timestamp"), ("n", "double")],
            json!([["2026-07-05T00:00:00Z", 1], ["2026-07-01T00:00:00Z", 0.5], ["2026-07-02T12:30:00Z", 0], [null, 9]]),
        )
        .unwrap();
        assert!(drawn.series[0].line.starts_with("M0 ") && drawn.series[0].line.contains("L380.2 1000L1000 "), "{}", drawn.series[0].line);
        assert_eq!(drawn.ends.iter().map(Untrusted::plain).collect::<Vec<_>>(), ["2026-07-01", "2026-07-03", "2026-07-05"]);
    }

    #[test]
    fn odd_numbers_draw_something() {
        for rows in [json!([["a", 0], ["b", 0]]), json!([["a", 1e300], ["b", -1e300]]), json!([["a", 1e-12], ["b", "NaN"]])] {
            let drawn = chart(&[("who", "text"), ("n", "double")], rows.clone()).unwrap();
            assert!((2..=20).contains(&drawn.ticks.len()), "{rows}: {:?}", drawn.ticks);
            assert!(!drawn.grid.contains("NaN") && !drawn.series[0].line.contains("inf"), "{rows}");
        }
        let many: Vec<Value> = (0..60).map(|n| json!([format!("row {n}"), n])).collect();
        let drawn = chart(&[("who", "text"), ("n", "bigint")], json!(many)).unwrap();
        assert_eq!((drawn.bars.len(), drawn.without_bar), (40, 20));
    }

    #[test]
    fn several_texts_name_a_row_together() {
        let columns = [("action", "text"), ("n", "bigint"), ("environment", "text"), ("m", "bigint")];
        let drawn = chart(&columns, json!([["drop", 1, "prod", 2], ["drop", 3, null, 4]])).unwrap();
        let labels: Vec<String> = drawn.bars.iter().map(|bar| bar.label.plain()).collect();
        assert_eq!(
            (labels, drawn.title()),
            (vec!["drop · prod".to_owned(), "drop · NULL".to_owned()], "n, m by action, environment".to_owned())
        );
    }
}
