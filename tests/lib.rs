//! Empty on purpose: this package exists for its one integration binary.
