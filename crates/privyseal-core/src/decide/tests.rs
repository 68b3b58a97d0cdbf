//! The core's promises: a table over every (stage, act), and properties over random histories.

mod authority;
mod enemies;
mod flood;
mod forgetting;
mod grants;
mod keys;
mod properties;
mod reperform;
mod rivals;
mod table;
mod waiting;
mod world;
