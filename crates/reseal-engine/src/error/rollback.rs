//! Why a rollback cannot begin.

use thiserror::Error;

use super::{Advice, Advise};

/// Why a rollback cannot begin.
#[derive(Clone, Debug, Error)]
pub enum RollbackRefused {
    /// No run of the plan did anything that is not undone.
    #[error("plan `{plan}` has no run to roll back{}", already(.last.as_deref()))]
    NoRun {
        /// The plan.
        plan: String,
        /// The last run that did anything: it is rolled back.
        last: Option<String>,
    },
    /// A later run came after the one that is asked for.
    #[error("run {newest} is newer than run {asked}")]
    NotNewest {
        /// The run that is rolled back first.
        newest: String,
        /// The one that is asked for.
        asked: String,
    },
    /// The plan never had such a run.
    #[error("run {asked} does not exist")]
    NoSuchRun {
        /// The one that is asked for.
        asked: String,
    },
    /// The plan says something else than when the run began.
    #[error("the plan has changed since run {run} started")]
    PlanChanged {
        /// The run.
        run: String,
    },
    /// The server would write plaintext that is put back to its log.
    #[error("the rollback would send plaintext, which the server would log: {settings}")]
    PlaintextInLog {
        /// The settings by which it does.
        settings: String,
    },
}

fn already(last: Option<&str>) -> String {
    last.map(|run| format!(": run {run} is already rolled back")).unwrap_or_default()
}

impl Advise for RollbackRefused {
    fn advice(&self) -> Advice {
        match self {
            RollbackRefused::NoRun { .. } => Advice::usage("no-run", "list runs with `reseal runs PLAN`"),
            RollbackRefused::NotNewest { .. } => Advice::refused(
                "not-newest",
                "only the latest run can be rolled back; roll that one back first",
            ),
            RollbackRefused::NoSuchRun { .. } => {
                Advice::usage("no-such-run", "list the runs with `reseal runs`")
            }
            RollbackRefused::PlanChanged { .. } => {
                Advice::refused("plan-changed", "restore the plan as it was for that run")
            }
            RollbackRefused::PlaintextInLog { .. } => Advice::refused(
                "plaintext-in-log",
                "turn off these settings during the rollback, or pass `--accept-plaintext-in-log`, which the \
                 audit trail records",
            ),
        }
    }
}
