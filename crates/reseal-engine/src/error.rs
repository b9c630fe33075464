//! Why a command ended without doing what it was asked, as types: what decides by an error matches on it. What it comes
//! to for people, its class, its code and what to do next, is said by [`Advise`] alone.

mod advice;
mod busy;
mod canary;
mod fault;
mod identity;
mod keys;
mod resume;
mod rollback;
mod scope;
mod steps;
mod store;
mod stored;
mod table;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use reseal_store::{StoreError, Trouble};
use thiserror::Error;

use crate::finding::{self, Finding};

pub use advice::{Advice, Advise, Class};
pub use busy::{Busy, ColumnHolder, KnownHolder};
use canary::NOT_BACK;
pub use canary::PutBack;
pub use fault::{LedgerFault, UndoError};
pub use identity::{IdentityRefused, OtherTable};
pub use keys::{KekTrouble, KeysError};
pub use resume::ResumeRefused;
pub use rollback::RollbackRefused;
pub use scope::ScopeError;
pub use steps::StepError;
pub use stored::{Culprit, StoredError};
pub use table::TableError;

/// Why a command ended without doing what it was asked.
#[derive(Clone, Debug, Error)]
pub enum RunError {
    /// Another engine has taken the run up; this one may commit nothing more.
    #[error("another process has taken over this run")]
    Superseded,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that a later try may find gone.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The run cannot be gone on with.
    #[error(transparent)]
    Resume(#[from] ResumeRefused),
    /// The rollback cannot begin.
    #[error(transparent)]
    Rollback(#[from] RollbackRefused),
    /// A table is not the one that the run worked on.
    #[error(transparent)]
    Identity(#[from] IdentityRefused),
    /// The refusals that preflight found: at least one.
    #[error("{}", finding::lines(.0, |finding| &finding.message))]
    Preflight(Vec<Finding>),
    /// The application would not be able to read rotated rows for a while.
    #[error("the application knows only one key, so it cannot read rotated rows until it gets the new key")]
    Outage,
    /// A command names what is not there.
    #[error(transparent)]
    Scope(#[from] ScopeError),
    /// A table cannot be rotated as the plan says.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The database stores something else than what it is sent.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The plan's keys.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// A KEK did not do what it was asked.
    #[error(transparent)]
    Kek(#[from] KekTrouble),
    /// A key is asked to wrap or unwrap, and is no KEK.
    #[error("key `{key}` is not a KEK")]
    NoKek {
        /// The key.
        key: String,
    },
    /// The steps around a run.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The canary was judged bad.
    #[error("{error}; {back}")]
    Canary {
        /// The step that judged it.
        #[source]
        error: Box<RunError>,
        /// What became of the first batch.
        back: PutBack,
    },
    /// Kept old cells.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerFault),
    /// The operating system has no random bytes.
    #[error("cannot get random bytes from the operating system")]
    Random,
    /// An error of a layer above, which keeps records and reads keys for the engine.
    #[error(transparent)]
    Outer(Arc<dyn Advise>),
}

impl RunError {
    /// Whether the connection was lost, so that another may do.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        matches!(self, RunError::Store(error) if error.trouble == Trouble::ConnectionLost)
    }
}

impl Advise for RunError {
    fn advice(&self) -> Advice {
        match self {
            RunError::Superseded => Advice::stopped(
                "superseded",
                "let it finish; `reseal status PLAN` shows which process holds the run",
            ),
            RunError::Store(error) => error.advice(),
            RunError::Busy(error) => error.advice(),
            RunError::Resume(error) => error.advice(),
            RunError::Rollback(error) => error.advice(),
            RunError::Identity(error) => error.advice(),
            RunError::Preflight(refusals) => Advice::refused(
                refusals.first().map_or("preflight", |first| first.code),
                finding::lines(refusals, |finding| &finding.help),
            ),
            RunError::Outage => {
                Advice::refused("outage", "add `windows:` to the plan or pass `--accept-outage`")
            }
            RunError::Scope(error) => error.advice(),
            RunError::Table(error) => error.advice(),
            RunError::Stored(error) => error.advice(),
            RunError::Keys(error) => error.advice(),
            RunError::Kek(error) => error.advice(),
            RunError::NoKek { .. } => Advice::failed("no-kek"),
            RunError::Step(error) => error.advice(),
            RunError::Canary { error, back } => {
                let advice = Advice { code: "canary-failed", ..error.advice() };
                match back {
                    PutBack::Whole => advice,
                    PutBack::Refused | PutBack::Damaged(_) | PutBack::Failed(_) => {
                        let said = advice.help.map(|help| format!("{help}\n")).unwrap_or_default();
                        Advice { help: Some((said + NOT_BACK).into()), ..advice }
                    }
                }
            }
            RunError::Undo(error) => error.advice(),
            RunError::Ledger(error) => error.advice(),
            RunError::Random => Advice::failed("random"),
            RunError::Outer(error) => error.advice(),
        }
    }
}
