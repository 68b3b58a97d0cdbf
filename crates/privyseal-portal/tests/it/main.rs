//! The one integration binary of the portal: the real router over a real engine.
//!
//! `cfg(test)` on the modules tells the lints that this is test code.

#[cfg(test)]
mod audit;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod decide;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod less;
#[cfg(test)]
mod live;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod passkey;
#[cfg(test)]
mod portal;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod sign_in;
