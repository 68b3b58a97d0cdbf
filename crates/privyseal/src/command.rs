//! The verbs, one file each.

pub mod ask;
pub mod bench;
pub mod catalog;
pub mod demo;
pub mod evidence;
pub mod exec;
pub mod init;
pub mod keys;
pub mod policy;
pub mod replay;
pub mod seal;
pub mod serve;
pub mod sql;
pub mod verify;
