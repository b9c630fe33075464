//! Why a rollback cannot begin.

use thiserror::Error;

use super::{Advice, Advise};

/// Why a rollback cannot begin.
#[derive(Clone, Debug, Error)]
pub enum RollbackRefused {
    /// No run of the plan did anything.
    #[error("plan {plan} has no run to roll back")]
    NoRun {
        /// The plan.
        plan: String,
    },
    /// A later run came after the one that is asked for.
    #[error("run {newest} came after {asked}")]
    NotNewest {
        /// The run that is rolled back first.
        newest: String,
        /// The one that is asked for.
        asked: String,
    },
    /// The plan never had such a run.
    #[error("there is no run {asked}")]
    NoSuchRun {
        /// The one that is asked for.
        asked: String,
    },
    /// The plan says something else than when the run began.
    #[error("the plan changed since run {run} began")]
    PlanChanged {
        /// The run.
        run: String,
    },
    /// The server would write plaintext that is put back to its log.
    #[error("the rollback would send plaintext, and the server would log it: {settings}")]
    PlaintextInLog {
        /// The settings by which it does.
        settings: String,
    },
}

impl Advise for RollbackRefused {
    fn advice(&self) -> Advice {
        match self {
            RollbackRefused::NoRun { .. } => Advice::refused("no-run", "see `reseal runs`"),
            RollbackRefused::NotNewest { .. } => {
                Advice::refused("not-newest", "only the newest run can be rolled back; roll it back first")
            }
            RollbackRefused::NoSuchRun { .. } => Advice::usage("no-such-run", "see `reseal runs`"),
            RollbackRefused::PlanChanged { .. } => {
                Advice::refused("plan-changed", "roll back with the plan as it was")
            }
            RollbackRefused::PlaintextInLog { .. } => Advice::refused(
                "plaintext-in-log",
                "turn that off during the rollback, or pass `--accept-plaintext-in-log`, which the audit trail records",
            ),
        }
    }
}
