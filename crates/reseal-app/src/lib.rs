//! What each command of Reseal does, whoever calls it: a person at the command line, the daemon, a page.
//!
//! **Invariant:** it prints nothing and ends no process; what a command comes to is a value.

pub mod audit;
pub mod control;
mod failure;
mod health_monitor;
pub mod notices;
pub mod open;
mod operator;
pub mod report;
pub mod trail;

pub use failure::{Failure, FailureClass};
pub use operator::operator;
