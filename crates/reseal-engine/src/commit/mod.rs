//! What writes: swaps, kept old cells, checkpoints and guards.

pub(crate) mod at_once;
pub(crate) mod guard;
pub(crate) mod last_error;
pub(crate) mod writer;
