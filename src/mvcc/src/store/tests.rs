//! The store against its naive twin, through crashes, and rule by rule.

mod crash;
mod rules;
mod twin;
mod txn;
