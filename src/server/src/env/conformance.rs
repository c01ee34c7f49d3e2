//! What every disk and every backend must do, as functions over the traits: the simulated ones are
//! held to the same list as the real ones. These files name nothing of this crate.

pub mod backend;
pub mod disk;
