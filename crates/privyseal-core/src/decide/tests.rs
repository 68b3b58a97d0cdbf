//! The core's promises: a table over every (stage, act), and properties over random histories.

mod forgetting;
mod keys;
mod properties;
mod reperform;
mod table;
mod world;
