//! Durations as people write them in policies and read them in reasons: a whole number and a unit, `45s`, `30m`, `8h`, `2d`.

/// Seconds of a duration text; `None` when it is none. At most six digits.
#[must_use]
pub fn seconds(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return None,
    };
    let digits = text.strip_suffix(unit)?;
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(scale)
}

/// The shortest exact text of a number of seconds.
#[must_use]
pub fn text(seconds: i64) -> String {
    for (unit, scale) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if seconds != 0 && seconds % scale == 0 {
            return format!("{}{unit}", seconds / scale);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for (written, expected) in [("45s", 45), ("30m", 1_800), ("8h", 28_800), ("2d", 172_800)] {
            assert_eq!(seconds(written), Some(expected));
            assert_eq!(text(expected), written);
        }
        assert_eq!(text(seconds("60m").unwrap()), "1h");
        for bad in ["", "m", "30", "-1m", "1.5h", "1w", "30 m", "9999999s", "٣m", "30M"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
