//! What is due: from a job of a plan's schedule, its history and the time.
//!
//! A *slot* is the instant for which a job is meant to fire. It names the firing for ever: the daemon that claims a slot
//! fires it, and a slot is claimed once. [`slots`] lists them, [`due`] says which one is to fire now, and [`wake`] when to ask again.
//! [`file_at`] and [`period`] say what a slot means for the files that are written at it. [`times`] and [`work`] tell a job from
//! the same job in another version of its plan.
//!
//! **Invariant:** no clock and no I/O; the same arguments give the same answer on every machine. Times come from the
//! zone rules that are compiled in.

mod due;
mod files;
mod period;
mod slots;
mod version;

pub use due::{CATCH_UP, Due, GRACE, History, STEP, due, due_at, wake};
pub use files::{file_at, newest};
pub use period::period;
pub use slots::{Calendar, slots};
pub use version::{times, work};
