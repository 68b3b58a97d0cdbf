//! The verbs, one file each.

pub(crate) mod ask;
pub(crate) mod bench;
pub(crate) mod catalog;
pub(crate) mod checkpoint;
pub(crate) mod demo;
pub(crate) mod disclose;
pub(crate) mod evidence;
pub(crate) mod exec;
pub(crate) mod grant;
pub(crate) mod halt;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod proof;
pub(crate) mod publish;
pub(crate) mod redact;
pub(crate) mod replay;
pub(crate) mod seal;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod verify;
pub(crate) mod witness;
