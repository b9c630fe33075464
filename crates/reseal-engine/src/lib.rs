//! The main flow: plan → check → connect → preflight → shards → batches → sweep → complete.
//!
//! Start with [`rotate`]: it is this flow and little else.
//!
//! **Invariant:** the engine knows no SQL dialect, no format by name and no YAML. It gets a [`Job`] that the registry
//! built, and it opens, seals and swaps. **API boundary:** nothing here prints; what happens is told by
//! [`Progress`], [`Report`] and the ledger.

mod batch;
mod beside;
mod canary;
pub mod catalogue;
mod cell;
mod census;
mod conclude;
mod cruncher;
mod deks;
mod envelope;
mod error;
mod estimate;
mod guard;
mod hooks;
mod job;
mod lag;
mod lease;
mod listing;
mod opening;
mod owed;
mod pace;
mod pins;
mod preflight;
mod progress;
mod pump;
mod reconnect;
mod report;
mod restored;
mod resume;
mod rollback;
mod rotate;
mod rules;
mod seal;
mod shards;
mod steps;
mod stripes;
mod sweep;
mod target;
mod tell;
mod trail;
mod trial;
mod turn;
mod undo;
mod workers;
mod write;

pub use catalogue::{Custody, Entry, Said};
pub use census::{Census, CensusField, CensusLine, Inspected, inspect};
pub use deks::DekCache;
pub use envelope::{Envelope, Move};
pub use error::{Class, EngineError};
pub use hooks::{Deed, Hooks, Ran, Resolver, Runner, Step, When};
pub use job::{Application, CellEncoding, FieldJob, Job, KeysetJob, Pace, Reread, Scope, TableJob};
pub use lease::{Stop, Stopper, holder, is_dead, is_held};
pub use pins::moved_away_from;
pub use preflight::{Finding, Severity, outside, preflight};
pub use progress::{Phase, Progress};
pub use report::Report;
pub use rollback::{RollbackOptions, rollback, to_roll_back};
pub use rotate::{RunOptions, run};
pub use rules::{Allowed, Rules};
pub use seal::{Seal, Validator};
pub use steps::step_documents;
pub use sweep::{census, verify};
pub use trail::plan_changed;
pub use trial::{Tried, try_cells};
