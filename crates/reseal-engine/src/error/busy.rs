//! What is to be waited for: another run, another engine, the application, the plan's windows.

use reseal_core::RunState;
use thiserror::Error;

use super::{Advice, Advise};
use crate::stop::Stop;

/// Something that a later try may find gone.
#[derive(Clone, Debug, Error)]
pub enum Busy {
    /// Another run holds a column that a run or a rollback would write.
    #[error("{column} is held by {by}")]
    Column {
        /// The column.
        column: String,
        /// The run that holds it.
        by: ColumnHolder,
    },
    /// Another engine holds the run.
    #[error("run {run} is held by {holder}")]
    Run {
        /// The run.
        run: String,
        /// The engine's process.
        holder: String,
    },
    /// An engine works on the run that is to be rolled back.
    #[error("run {run} is at work")]
    AtWork {
        /// The run.
        run: String,
    },
    /// Another engine rolls the run back.
    #[error("run {run} is being rolled back by {holder}")]
    RollingBack {
        /// The run.
        run: String,
        /// The engine's process.
        holder: String,
    },
    /// An engine works on the run whose kept old cells are to be dropped.
    #[error("run {run} is at work")]
    KeepsUndo {
        /// The run.
        run: String,
    },
    /// The run that is to be rolled back has another state by now.
    #[error("run {run} moved on meanwhile")]
    MovedOn {
        /// The run.
        run: String,
    },
    /// Another engine does what a run that is over still owes.
    #[error("another engine carries out the last steps of run {run}")]
    LastSteps {
        /// The run.
        run: String,
    },
    /// The application keeps rows locked.
    #[error("rows of {table} stay locked")]
    RowsLocked {
        /// The table.
        table: String,
    },
    /// The application rewrites rows faster than they can be swapped.
    #[error("rows of {table} are rewritten faster than they can be swapped")]
    Raced {
        /// The table.
        table: String,
    },
    /// The application rewrites rows faster than they can be put back.
    #[error("rows of {table} are rewritten faster than they can be put back")]
    RacedBack {
        /// The table.
        table: String,
    },
    /// None of the plan's windows is open.
    #[error("the plan's windows are closed now")]
    WindowClosed,
    /// The time that was given as the run's end has come before it began.
    #[error("{}", Stop::UntilReached.reason())]
    UntilPassed,
    /// A rollback was stopped.
    #[error("{}", .0.reason())]
    RollbackStopped(Stop),
}

/// The run that holds a column; what the ledger knows of it, where it still does.
#[derive(Clone, Debug)]
pub struct ColumnHolder {
    /// The run.
    pub run: String,
    /// What the ledger knows of it.
    pub known: Option<KnownHolder>,
}

/// What the ledger knows of a run that holds a column.
#[derive(Clone, Debug)]
pub struct KnownHolder {
    /// The run's plan.
    pub plan: String,
    /// Where it stands.
    pub state: RunState,
    /// The process of the engine that took it up last.
    pub holder: String,
}

impl std::fmt::Display for ColumnHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {}", self.run)?;
        match &self.known {
            Some(KnownHolder { plan, state, holder }) => {
                write!(f, " of plan {plan} ({state}, held by {holder})")
            }
            None => Ok(()),
        }
    }
}

impl Advise for Busy {
    fn advice(&self) -> Advice {
        let (code, help) = match self {
            Busy::Column { .. } => (
                "column-held",
                "wait for it, resume it, or give it up with `reseal cancel` and the file of its plan",
            ),
            Busy::Run { .. } | Busy::KeepsUndo { .. } => ("run-held", "wait for it, or see `reseal status`"),
            Busy::AtWork { .. } => ("run-held", "pause it first: `reseal pause`"),
            Busy::RollingBack { .. } => ("run-held", "wait for it, or see `reseal status`"),
            Busy::MovedOn { .. } => ("run-held", "look at `reseal status`"),
            Busy::LastSteps { .. } => ("run-held", "wait for it"),
            Busy::RowsLocked { .. } => ("database-busy", "run the same command again to go on"),
            Busy::Raced { .. } => ("raced", "run again at a quieter time"),
            Busy::RacedBack { .. } => ("raced", "run `reseal rollback` again at a quieter time"),
            Busy::WindowClosed => ("window", "wait for the window, or change `windows:` in the plan"),
            Busy::UntilPassed => ("until", "give a later time, or leave it away; nothing was written"),
            Busy::RollbackStopped(_) => ("interrupted", "run `reseal rollback` again to go on"),
        };
        Advice::stopped(code, help)
    }
}
