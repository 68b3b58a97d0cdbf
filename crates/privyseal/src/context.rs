//! What every verb is given: the data folder and the configuration.

use std::path::{Path, PathBuf};

use privyseal_ledger::layout::Layout;

use crate::cli::Global;
use crate::config::{Config, DEFAULT_DATA};

/// The surroundings of a verb.
pub(crate) struct Context {
    /// The data folder.
    pub(crate) data: PathBuf,
    /// The configuration.
    pub(crate) config: Config,
    /// The options of every verb.
    pub(crate) global: Global,
}

impl Context {
    /// Reads the configuration for these options.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub(crate) fn new(global: Global) -> anyhow::Result<Self> {
        let data = global.data.clone().unwrap_or_else(|| Path::new(DEFAULT_DATA).to_owned());
        let config = Config::load(global.config.as_deref(), &data)?;
        Ok(Self { data, config, global })
    }

    /// Where things stand in the data folder.
    #[must_use]
    pub(crate) fn layout(&self) -> Layout {
        // Read once already when the configuration was validated.
        let (database, bucket) = (self.config.database.database().unwrap_or_default(), self.config.segments.bucket().unwrap_or_default());
        Layout::new(&self.data).with_database(database).with_bucket(bucket)
    }
}
