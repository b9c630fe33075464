//! What is to be waited for: another run, another engine, the application, the plan's windows.

use reseal_core::RunState;
use thiserror::Error;

use super::{Advice, Advise};
use crate::stop::Stop;

/// Something that a later try may find gone.
#[derive(Clone, Debug, Error)]
pub enum Busy {
    /// Another run holds a column that a run or a rollback would write.
    #[error("column `{column}` is held by {by}")]
    Column {
        /// The column.
        column: String,
        /// The run that holds it.
        by: ColumnHolder,
    },
    /// Another engine holds the run.
    #[error("another process is working on run {run}: {holder}")]
    Run {
        /// The run.
        run: String,
        /// The engine's process.
        holder: String,
    },
    /// An engine works on the run that is to be rolled back.
    #[error("run {run} is in progress")]
    AtWork {
        /// The run.
        run: String,
    },
    /// Another engine rolls the run back.
    #[error("another process is rolling back run {run}: {holder}")]
    RollingBack {
        /// The run.
        run: String,
        /// The engine's process.
        holder: String,
    },
    /// An engine works on the run whose kept old cells are to be dropped.
    #[error("run {run} is in progress")]
    KeepsUndo {
        /// The run.
        run: String,
    },
    /// The run that is to be rolled back has another state by now.
    #[error("the state of run {run} has changed")]
    MovedOn {
        /// The run.
        run: String,
    },
    /// Another engine does what a run that is over still owes.
    #[error("another process is running the final steps of run {run}")]
    LastSteps {
        /// The run.
        run: String,
    },
    /// The application keeps rows locked.
    #[error("rows of table `{table}` remain locked by other transactions")]
    RowsLocked {
        /// The table.
        table: String,
    },
    /// The application rewrites rows faster than they can be swapped.
    #[error("the application changes rows of table `{table}` faster than they can be rotated")]
    Raced {
        /// The table.
        table: String,
    },
    /// The application rewrites rows faster than they can be put back.
    #[error("the application changes rows of table `{table}` faster than they can be restored")]
    RacedBack {
        /// The table.
        table: String,
    },
    /// None of the plan's windows is open.
    #[error("the current time is outside the plan's windows")]
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
                write!(f, " of plan `{plan}` ({state}, last process: {holder})")
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
                "wait until that run is done, or pass the file of its plan to `reseal resume` or `reseal \
                 cancel`",
            ),
            Busy::Run { .. } | Busy::KeepsUndo { .. } => {
                ("run-held", "wait until it is done; see `reseal status PLAN`")
            }
            Busy::AtWork { .. } => ("run-held", "pause it first with `reseal pause PLAN`"),
            Busy::RollingBack { .. } => ("run-held", "wait until it is done; see `reseal status PLAN`"),
            Busy::MovedOn { .. } => ("run-held", "check it with `reseal status PLAN`"),
            Busy::LastSteps { .. } => ("run-held", "wait until it is done"),
            Busy::RowsLocked { .. } => ("database-busy", "run the same command again to resume"),
            Busy::Raced { .. } => ("raced", "run again at a time with fewer writes"),
            Busy::RacedBack { .. } => ("raced", "run `reseal rollback` again at a time with fewer writes"),
            Busy::WindowClosed => ("window", "wait for the next window, or change `windows:` in the plan"),
            Busy::UntilPassed => ("until", "pass a later time or omit `--until`; nothing was written"),
            Busy::RollbackStopped(_) => ("interrupted", "run `reseal rollback` again to resume"),
        };
        Advice::stopped(code, help)
    }
}
