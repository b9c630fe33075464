//! The main flow: plan → check → connect → preflight → shards → batches → sweep → complete.
//!
//! Start with [`run`]: it is this flow and little else.
//!
//! **Invariant:** the engine knows no SQL dialect, no format by name and no YAML. It gets a [`Job`] that the registry
//! built, and it opens, seals and swaps. **API boundary:** nothing here prints; what happens is told by
//! [`Progress`], [`Report`], [`RunObserver`] and the ledger.

mod batch;
mod cell;
mod commit;
mod environment;
mod error;
mod finding;
mod job;
mod observer;
mod preflight;
mod progress;
mod reason;
mod report;
mod rollback;
mod rotate;
mod run;
mod stop;
mod sweep;

pub use environment::Environment;
pub use error::{
    Advice, Advise, Busy, Class, ColumnHolder, Culprit, IdentityRefused, KekTrouble, KeysError, KnownHolder,
    LedgerFault, OtherTable, PutBack, ResumeRefused, RollbackRefused, RunError, ScopeError, StepError,
    StoredError, TableError, UndoError,
};
pub use finding::{Finding, Severity};
pub use job::dek_cache::DekCache;
pub use job::envelope::{Envelope, Move};
pub use job::fingerprint::fingerprint;
pub use job::hooks::{Deed, Hooks, Ran, Resolver, Runner, Step, StepPlace, When};
pub use job::options::{Accepted, RollbackOptions, RunOptions};
pub use job::pins::{moved_away_from, new_pin, same_primaries};
pub use job::scope::Scope;
pub use job::seal::{NamedFormat, Seal, Validator};
pub use job::{Application, CellEncoding, FieldJob, Job, KeysetJob, Pace, Reread, SourceFacts, TableJob};
pub use observer::{
    Deadline, NoObserver, Recorded, RollbackBegins, RollbackEnd, RunBegins, RunEnd, RunObserver, StepEvent,
    StepResult,
};
pub use preflight::{Checked, Outside, SampledField, SampledLine, SampledTable, outside, preflight};
pub use progress::{Phase, Progress};
pub use reason::{Reason, explain_reason};
pub use report::{Report, step_documents};
pub use rollback::{drop_undo, may_roll_back, rollback, to_roll_back};
pub use run::lease::{holder, is_dead, is_held};
pub use run::resume::has_no_new_keys;
pub use run::run;
pub use stop::{Stop, Stopper};
pub use sweep::census::{Census, CensusField, CensusLine, SweepFacts};
pub use sweep::inspect::{CellStanding, Inspected, inspect};
pub use sweep::trial::{Tried, try_cells};
pub use sweep::{census, left_out, verify};
