//! Which database: an address that may hold a password, so it is never printed whole.

use std::str::FromStr;

use postgres::config::{Config, Host};

/// Address of a PostgreSQL database, as `postgres://user:password@host:port/database`. It has no `Debug`, and only [`Database::name`],
/// which is without user and password, may be shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    url: String,
}

impl Database {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn parse(url: &str) -> Result<Self, String> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err("a database address begins with postgres://".to_owned());
        }
        let config = Config::from_str(url).map_err(|error| match std::error::Error::source(&error) {
            Some(cause) => format!("the database address cannot be used: {cause}"),
            None => "the database address cannot be used".to_owned(),
        })?;
        if config.get_hosts().is_empty() || config.get_dbname().is_none() {
            return Err("a database address names a host and a database: postgres://host/database".to_owned());
        }
        Ok(Self { url: url.to_owned() })
    }

    /// The address without user, password and options.
    #[must_use]
    pub fn name(&self) -> String {
        let Some(config) = self.config() else { return "postgres://".to_owned() };
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(path) => path.display().to_string(),
        });
        format!("postgres://{}/{}", hosts.collect::<Vec<_>>().join(","), config.get_dbname().unwrap_or_default())
    }

    pub(super) fn config(&self) -> Option<Config> {
        Config::from_str(&self.url).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn an_address_is_named_without_its_secrets() {
        let database = Database::parse("postgres://ana:geheim@db.example:5433/audit?application_name=x").ok().unwrap();
        assert_eq!(database.name(), "postgres://db.example/audit");
        for (url, words) in [
            ("mysql://h/d", "begins with postgres://"),
            ("postgres://ana:geheim@h", "names a host and a database"),
            ("postgres://ana:geheim@h/d?sslmode=perhaps", "cannot be used"),
        ] {
            let error = Database::parse(url).err().unwrap();
            assert!(error.contains(words) && !error.contains("geheim"), "{url}: {error}");
        }
    }
}
