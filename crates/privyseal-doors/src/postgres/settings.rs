//! What clients set when they begin and expect to find set: harmless things of the session. Whatever would change an answer has one value.

use std::collections::BTreeMap;

use super::fault::Fault;

/// Reported as the server's version: the catalogue is in the form of PostgreSQL 15, and drivers decide by this what they ask.
pub(super) const VERSION: &str = "15.0";

/// Name, value, whether it may be set to something else.
const KNOWN: &[(&str, &str, May)] = &[
    ("application_name", "", May::BeAnything),
    ("bytea_output", "hex", May::Be(&["hex"])),
    ("client_encoding", "UTF8", May::Be(&["utf8", "utf-8", "unicode"])),
    ("client_min_messages", "notice", May::BeAnything),
    ("datestyle", "ISO, MDY", May::Be(&["iso", "iso, mdy", "iso, ymd", "iso, dmy", "iso,mdy", "iso,ymd", "iso,dmy", "mdy", "ymd", "dmy"])),
    ("default_transaction_isolation", "repeatable read", May::BeAnything),
    ("default_transaction_read_only", "on", May::Be(&["on", "true", "1"])),
    ("extra_float_digits", "1", May::BeAnything),
    ("idle_in_transaction_session_timeout", "0", May::BeAnything),
    ("in_hot_standby", "off", May::Never),
    ("integer_datetimes", "on", May::Never),
    ("intervalstyle", "postgres", May::Be(&["postgres"])),
    ("is_superuser", "off", May::Never),
    ("jit", "off", May::BeAnything),
    ("lc_collate", "C", May::Never),
    ("lc_ctype", "C", May::Never),
    ("lc_messages", "C", May::BeAnything),
    ("lc_monetary", "C", May::BeAnything),
    ("lock_timeout", "0", May::BeAnything),
    ("max_identifier_length", "63", May::Never),
    ("max_index_keys", "32", May::Never),
    ("privyseal.as_of_seq", "", May::BeAnything),
    ("role", "none", May::Be(&["none"])),
    ("row_security", "on", May::Be(&["on"])),
    ("search_path", "public", May::BeAnything),
    ("server_encoding", "UTF8", May::Never),
    ("server_version", VERSION, May::Never),
    ("server_version_num", "150000", May::Never),
    ("session_authorization", "", May::Never),
    ("standard_conforming_strings", "on", May::Be(&["on"])),
    ("statement_timeout", "0", May::BeAnything),
    ("synchronize_seqscans", "on", May::BeAnything),
    ("timezone", "UTC", May::Be(&["utc", "etc/utc", "gmt", "etc/gmt", "z", "zulu", "default", "0", "+00:00", "00:00"])),
    ("transaction_isolation", "repeatable read", May::BeAnything),
    ("transaction_read_only", "on", May::Be(&["on", "true", "1"])),
];

#[derive(Clone, Copy)]
enum May {
    Never,
    Be(&'static [&'static str]),
    BeAnything,
}

/// Longest value that is kept.
const MAX_VALUE_BYTES: usize = 256;

/// The settings of one session.
pub(super) struct Settings {
    set: BTreeMap<&'static str, String>,
    account: String,
}

/// A setting's name as it is known here.
fn known(name: &str) -> Result<&'static (&'static str, &'static str, May), Fault> {
    let lower = name.to_ascii_lowercase();
    let unknown = || Fault::error("42704", format!("there is no setting `{}`", lower.escape_debug()));
    KNOWN.iter().find(|(known, _, _)| *known == lower).ok_or_else(unknown)
}

impl Settings {
    pub(super) fn new(account: &str) -> Self {
        Self { set: BTreeMap::new(), account: account.to_owned() }
    }

    /// The value of a setting.
    pub(super) fn show(&self, name: &str) -> Result<String, Fault> {
        let (name, default, _) = known(name)?;
        if *name == "session_authorization" {
            return Ok(self.account.clone());
        }
        Ok(self.set.get(name).map_or_else(|| (*default).to_owned(), Clone::clone))
    }

    /// All settings with their values.
    pub(super) fn all(&self) -> Vec<(&'static str, String)> {
        KNOWN.iter().map(|(name, _, _)| (*name, self.show(name).unwrap_or_default())).collect()
    }

    /// Sets one; none puts back what it was.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), Fault> {
        let (name, default, may) = known(name)?;
        let Some(value) = value.map(str::trim) else {
            self.set.remove(name);
            return Ok(());
        };
        let unfit = |only: &str| Fault::error("22023", format!("`{name}` can only be {only} here, not `{}`", value.escape_debug()));
        match may {
            May::Never => return Err(Fault::error("55P02", format!("`{name}` cannot be changed"))),
            // Some are written back as they are shown.
            May::Be(values) if !values.contains(&value.to_ascii_lowercase().as_str()) => return Err(unfit(&format!("`{default}`"))),
            // What has one meaning keeps its one spelling.
            May::Be(_) => return Ok(()),
            May::BeAnything => {}
        }
        match *name {
            "statement_timeout" => {
                milliseconds(value).ok_or_else(|| unfit("a time such as `5s` or `5000`"))?;
            }
            "privyseal.as_of_seq" if !value.is_empty() => {
                value.parse::<u64>().map_err(|_| unfit("a position of the log, from 0"))?;
            }
            "search_path" => {
                let names = value.split(',').map(|name| name.trim().trim_matches(['"', '\'']));
                if !names.clone().any(|name| name == "public")
                    || !names.clone().all(|name| ["public", "$user", "pg_catalog", ""].contains(&name))
                {
                    return Err(unfit("`public`"));
                }
                return Ok(());
            }
            _ => {}
        }
        if value.len() > MAX_VALUE_BYTES || value.contains('\0') {
            return Err(unfit(&format!("{MAX_VALUE_BYTES} bytes long")));
        }
        self.set.insert(name, value.to_owned());
        Ok(())
    }

    /// Puts everything back.
    pub(super) fn reset(&mut self) {
        self.set.clear();
    }

    /// The entry that is the newest one for this session.
    pub(super) fn as_of_seq(&self) -> Option<u64> {
        self.set.get("privyseal.as_of_seq")?.parse().ok()
    }

    /// How long a statement may take, in milliseconds; none when the session says nothing.
    pub(super) fn statement_timeout_ms(&self) -> Option<u64> {
        self.set.get("statement_timeout").and_then(|value| milliseconds(value)).filter(|timeout| *timeout > 0)
    }
}

/// A time as PostgreSQL writes it: a number of milliseconds, or one with its unit.
fn milliseconds(value: &str) -> Option<u64> {
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = value.split_at_checked(digits)?;
    let each = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(each)
}

/// What a client is told when it has signed in; the names are spelt as drivers look for them.
pub(super) const REPORTED: &[(&str, &str)] = &[
    ("application_name", "application_name"),
    ("client_encoding", "client_encoding"),
    ("DateStyle", "datestyle"),
    ("default_transaction_read_only", "default_transaction_read_only"),
    ("in_hot_standby", "in_hot_standby"),
    ("integer_datetimes", "integer_datetimes"),
    ("IntervalStyle", "intervalstyle"),
    ("is_superuser", "is_superuser"),
    ("server_encoding", "server_encoding"),
    ("server_version", "server_version"),
    ("session_authorization", "session_authorization"),
    ("standard_conforming_strings", "standard_conforming_strings"),
    ("TimeZone", "timezone"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmless_things_are_taken_and_others_are_not() {
        let mut settings = Settings::new("ana");
        for (name, value) in [
            ("client_encoding", "UTF8"),
            ("DateStyle", "ISO"),
            ("extra_float_digits", "3"),
            ("application_name", "DBeaver"),
            ("TimeZone", "UTC"),
            ("search_path", "public, pg_catalog"),
            ("statement_timeout", "5s"),
            ("privyseal.as_of_seq", "12"),
        ] {
            assert_eq!(settings.set(name, Some(value)), Ok(()), "{name}");
        }
        assert_eq!((settings.statement_timeout_ms(), settings.as_of_seq()), (Some(5_000), Some(12)));
        for (name, value, state) in [
            ("TimeZone", "Europe/Berlin", "22023"),
            ("search_path", "pg_temp", "22023"),
            ("transaction_read_only", "off", "22023"),
            ("server_version", "16", "55P02"),
            ("work_mem", "1GB", "42704"),
            ("privyseal.as_of_seq", "-1", "22023"),
            ("statement_timeout", "99999999999999999999s", "22023"),
        ] {
            assert_eq!(settings.set(name, Some(value)).map_err(|fault| fault.state), Err(state), "{name}");
        }
        settings.reset();
        assert_eq!((settings.statement_timeout_ms(), settings.as_of_seq()), (None, None));
    }
}
