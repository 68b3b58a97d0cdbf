//! The one integration binary of this crate: everything here goes through the public surface.

mod assess;
mod default_policy;
mod load;
mod property;
mod statement;
mod world;
