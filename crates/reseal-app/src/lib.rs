//! What each command of Reseal does, whoever calls it: a person at the command line, the daemon, a page.
//!
//! Each command is a function that takes a typed request and gives a typed answer or a [`Failure`]. Those that act take
//! the [`Caller`]: who acts, and where they watch and stop what takes a while.
//!
//! **Invariant:** it prints nothing and ends no process; what a command comes to is a value.

pub mod approvals;
pub mod audit;
mod caller;
pub mod census;
pub mod check;
mod control;
pub mod demo;
mod failure;
pub mod grants;
mod health_monitor;
pub mod keys;
pub mod migrate;
mod notices;
pub mod notify;
mod open;
mod operator;
mod own_formats;
mod plan_file;
pub mod rollback;
pub mod run;
pub mod runs;
pub mod schedule;
pub mod serve;
mod text_file;
mod trail;
pub mod tutorial;

pub use caller::{Caller, Frontend};
pub use failure::{Failure, FailureClass};
pub use operator::operator;
