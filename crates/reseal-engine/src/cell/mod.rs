//! A cell: where its parts lie in a row, what it turns out to be when it is opened, and what undo keeps of it.

pub(crate) mod ask;
pub(crate) mod claim;
pub(crate) mod coerce;
pub(crate) mod condition;
pub(crate) mod deks;
pub(crate) mod error_column;
pub(crate) mod field;
pub(crate) mod layout;
pub(crate) mod mirrors;
pub(crate) mod open;
pub(crate) mod quarantine;
pub(crate) mod spared;
pub(crate) mod standing;
pub(crate) mod target;
pub(crate) mod undo;
