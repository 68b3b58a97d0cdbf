//! Values that clients bind to `$1`, as the desk takes them: texts, integers, truth values, lists of texts.

use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat};
use serde_json::Value;

use super::fault::Fault;

/// Types that a parameter may have, by PostgreSQL's numbers.
pub(super) mod oid {
    pub(in crate::postgres) const BOOL: u32 = 16;
    pub(in crate::postgres) const INT8: u32 = 20;
    pub(in crate::postgres) const INT2: u32 = 21;
    pub(in crate::postgres) const INT4: u32 = 23;
    pub(in crate::postgres) const TEXT: u32 = 25;
    pub(in crate::postgres) const OID: u32 = 26;
    pub(in crate::postgres) const FLOAT4: u32 = 700;
    pub(in crate::postgres) const FLOAT8: u32 = 701;
    pub(in crate::postgres) const UNKNOWN: u32 = 705;
    pub(in crate::postgres) const BPCHAR: u32 = 1042;
    pub(in crate::postgres) const VARCHAR: u32 = 1043;
    pub(in crate::postgres) const NAME: u32 = 19;
    pub(in crate::postgres) const JSON: u32 = 114;
    pub(in crate::postgres) const DATE: u32 = 1082;
    pub(in crate::postgres) const TIMESTAMP: u32 = 1114;
    pub(in crate::postgres) const TIMESTAMPTZ: u32 = 1184;
    pub(in crate::postgres) const NUMERIC: u32 = 1700;
    pub(in crate::postgres) const TEXTS: u32 = 1009;
    pub(in crate::postgres) const VARCHARS: u32 = 1015;
    pub(in crate::postgres) const UUID: u32 = 2950;
}

const EPOCH_MICROS: i64 = 946_684_800_000_000;
const EPOCH_DAYS: i32 = 10_957;

fn unfit(number: usize, what: &str) -> Fault {
    Fault::error("22023", format!("the value of the parameter `${number}` {what}"))
}

/// One value, as text or as bytes of its type.
pub(super) fn value(number: usize, bytes: &[u8], is_binary: bool, kind: u32) -> Result<Value, Fault> {
    if is_binary { from_bytes(number, bytes, kind) } else { from_text(number, bytes, kind) }
}

fn from_text(number: usize, bytes: &[u8], kind: u32) -> Result<Value, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| unfit(number, "is not UTF-8"))?;
    Ok(match kind {
        oid::BOOL => match text.trim().to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => true.into(),
            "f" | "false" | "n" | "no" | "off" | "0" => false.into(),
            _ => return Err(unfit(number, "is no truth value")),
        },
        oid::INT2 | oid::INT4 | oid::INT8 | oid::OID => text.trim().parse::<i64>().map_err(|_| unfit(number, "is no integer"))?.into(),
        oid::FLOAT4 | oid::FLOAT8 | oid::NUMERIC => whole(number, text.trim())?,
        oid::TEXTS | oid::VARCHARS => Value::Array(texts(text).ok_or_else(|| unfit(number, "is no list of texts"))?),
        oid::DATE => NaiveDate::parse_from_str(text.trim(), "%Y-%m-%d").map_err(|_| unfit(number, "is no date"))?.to_string().into(),
        oid::TIMESTAMP | oid::TIMESTAMPTZ => moment(text.trim()).ok_or_else(|| unfit(number, "is no moment"))?.into(),
        _ => text.into(),
    })
}

/// Numbers with fractions have no place in the record of a statement.
fn whole(number: usize, text: &str) -> Result<Value, Fault> {
    text.parse::<i64>()
        .map(Value::from)
        .map_err(|_| unfit(number, &format!("is no integer: write CAST(${number} AS DOUBLE) and give it as text")))
}

fn from_bytes(number: usize, bytes: &[u8], kind: u32) -> Result<Value, Fault> {
    let wrong = || unfit(number, "has the wrong length for its type");
    let integer = |bytes: &[u8]| {
        Ok(match bytes.len() {
            1 => i8::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).into(),
            2 => i16::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).into(),
            4 => i32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).into(),
            8 => i64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        })
    };
    Ok(match kind {
        oid::BOOL => (integer(bytes)? != 0).into(),
        oid::INT2 | oid::INT4 | oid::INT8 => integer(bytes)?.into(),
        oid::OID => u32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).into(),
        oid::FLOAT4 => whole(number, &f32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string())?,
        oid::FLOAT8 => whole(number, &f64::from_be_bytes(bytes.try_into().map_err(|_| wrong())?).to_string())?,
        oid::DATE => {
            let days = i32::from_be_bytes(bytes.try_into().map_err(|_| wrong())?);
            let date = days.checked_add(EPOCH_DAYS).and_then(NaiveDate::from_epoch_days);
            date.ok_or_else(|| unfit(number, "is no date"))?.to_string().into()
        }
        oid::TIMESTAMP | oid::TIMESTAMPTZ => {
            let micros = integer(bytes)?.checked_add(EPOCH_MICROS).and_then(DateTime::from_timestamp_micros);
            micros.ok_or_else(|| unfit(number, "is no moment"))?.to_rfc3339_opts(SecondsFormat::Micros, true).into()
        }
        oid::UUID => {
            let hex = privyseal_core::digest::hex(bytes);
            let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to));
            let parts: Vec<&str> = parts.into_iter().collect::<Option<_>>().ok_or_else(wrong)?;
            parts.join("-").into()
        }
        oid::TEXTS | oid::VARCHARS => Value::Array(text_list(bytes).ok_or_else(|| unfit(number, "is no list of texts"))?),
        oid::TEXT | oid::VARCHAR | oid::BPCHAR | oid::NAME | oid::JSON | oid::UNKNOWN | 0 => {
            std::str::from_utf8(bytes).map_err(|_| unfit(number, "is not UTF-8"))?.into()
        }
        _ => return Err(unfit(number, "is of a type that parameters cannot have here: cast it to text")),
    })
}

/// A moment as clients write it, in the form of the log: UTC.
fn moment(text: &str) -> Option<String> {
    let shown = |moment: DateTime<chrono::Utc>| moment.to_rfc3339_opts(SecondsFormat::Micros, true);
    // `+00` and `+00:00` both occur; dates alone mean their first moment.
    let forms = ["%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z"];
    let zoned = forms.iter().find_map(|form| DateTime::parse_from_str(text, form).ok()).or_else(|| DateTime::parse_from_rfc3339(text).ok());
    if let Some(moment) = zoned {
        return Some(shown(moment.to_utc()));
    }
    let forms = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let plain = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let plain = plain.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    plain.map(|moment| shown(moment.and_utc()))
}

/// A list as text, `{a,"b c",NULL}`.
fn texts(text: &str) -> Option<Vec<Value>> {
    let mut letters = text.trim().strip_prefix('{')?.strip_suffix('}')?.chars().peekable();
    let mut items = Vec::new();
    if letters.peek().is_none() {
        return Some(items);
    }
    loop {
        let (mut item, mut was_quoted) = (String::new(), false);
        if letters.peek() == Some(&'"') {
            was_quoted = true;
            letters.next();
            loop {
                match letters.next()? {
                    '"' => break,
                    '\\' => item.push(letters.next()?),
                    letter => item.push(letter),
                }
            }
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                match letter {
                    '{' | '}' | '"' => return None,
                    '\\' => item.push(letters.next()?),
                    letter => item.push(letter),
                }
            }
        }
        items.push(if !was_quoted && item.eq_ignore_ascii_case("null") { Value::Null } else { item.into() });
        match letters.next() {
            None => return Some(items),
            Some(',') => {}
            Some(_) => return None,
        }
    }
}

/// A list as bytes, of one dimension.
fn text_list(bytes: &[u8]) -> Option<Vec<Value>> {
    let mut rest = bytes;
    let mut number = || {
        let (first, others) = rest.split_first_chunk::<4>()?;
        rest = others;
        Some(i32::from_be_bytes(*first))
    };
    let dimensions = number()?;
    number()?;
    number()?;
    if dimensions == 0 {
        return Some(Vec::new());
    }
    let count = if dimensions == 1 { number()? } else { return None };
    number()?;
    let mut items = Vec::new();
    for _ in 0..count {
        let (length, others) = rest.split_first_chunk::<4>()?;
        rest = others;
        let length = i32::from_be_bytes(*length);
        if length < 0 {
            items.push(Value::Null);
            continue;
        }
        let (item, others) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = others;
        items.push(std::str::from_utf8(item).ok()?.into());
    }
    rest.is_empty().then_some(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_what_the_desk_takes() {
        for (kind, text, expected) in [
            (oid::INT8, " 7", json!(7)),
            (oid::BOOL, "off", json!(false)),
            (oid::TEXT, "a'b", json!("a'b")),
            (oid::NUMERIC, "12", json!(12)),
            (oid::TEXTS, r#"{a,"b \"c\"",NULL,"null",""}"#, json!(["a", "b \"c\"", null, "null", ""])),
            (oid::TEXTS, "{}", json!([])),
            (oid::TIMESTAMPTZ, "2026-07-01 02:00:00+02", json!("2026-07-01T00:00:00.000000Z")),
            (oid::TIMESTAMP, "2026-07-01 02:00:00.5", json!("2026-07-01T02:00:00.500000Z")),
            (oid::DATE, "2026-07-01", json!("2026-07-01")),
        ] {
            assert_eq!(value(1, text.as_bytes(), false, kind).unwrap(), expected, "{text}");
        }
        for (kind, text) in [
            (oid::INT8, "x"),
            (oid::INT8, "1.5"),
            (oid::FLOAT8, "1.5"),
            (oid::BOOL, "maybe"),
            (oid::TEXTS, "{a,{b}}"),
            (oid::TEXTS, "{\"a}"),
            (oid::DATE, "soon"),
        ] {
            assert!(value(1, text.as_bytes(), false, kind).is_err(), "{text}");
        }
        assert_eq!(value(1, &7_i16.to_be_bytes(), true, oid::INT2).unwrap(), json!(7));
        assert_eq!(value(1, &0_i64.to_be_bytes(), true, oid::TIMESTAMPTZ).unwrap(), json!("2000-01-01T00:00:00.000000Z"));
        for (kind, bytes) in
            [(oid::INT8, &[1, 2, 3][..]), (oid::TIMESTAMPTZ, &i64::MAX.to_be_bytes()), (oid::TEXTS, &[0, 0, 0, 1]), (oid::UUID, &[1])]
        {
            assert!(value(1, bytes, true, kind).is_err(), "{kind}");
        }
    }
}
