//! Where the request stands in the log, and how to check that without this page.

use super::record::Record;
use crate::app::App;
use crate::view::moment::Moment;
use crate::view::number::{Count, Hash};
use crate::view::request::Proof;

pub(super) fn proof(app: &App, record: &Record) -> Proof {
    Proof {
        seq: Count(record.seq),
        leaf: Hash::new(&record.leaf),
        size: Count(record.head.size),
        root: Hash::new(&record.head.root),
        signed: Moment::exact(record.head.signed_at),
        key: record.head.keys.join(", "),
        entry: format!("/v1/ledger/entries/{}", record.seq),
        inclusion: format!("/v1/ledger/entries/{}/proof", record.seq),
        command: verify_command(app, &record.key),
    }
}

/// The command that checks the whole log. The folder is named, not where it stands: that is nobody's business who is not at the machine.
pub(crate) fn verify_command(app: &App, key: &str) -> String {
    let folder = app.engine().layout().root().file_name().unwrap_or_default().to_string_lossy();
    format!("privyseal verify {folder} --trusted-key '{key}'")
}
