//! The engine on SQLite, with a toy format and without a control database.

#![allow(clippy::unwrap_used, reason = "tests")]

mod notes;
mod observer;
mod schedules;
