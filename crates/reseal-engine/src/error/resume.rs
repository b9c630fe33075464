//! Why an unfinished run cannot be resumed.

use reseal_core::RunState;
use thiserror::Error;

use super::{Advice, Advise};

/// Why an unfinished run cannot be resumed.
#[derive(Clone, Debug, Error)]
pub enum ResumeRefused {
    /// It is being rolled back.
    #[error("run {run} is being rolled back")]
    RollingBack {
        /// The run.
        run: String,
    },
    /// The plan says something else than when the run began.
    #[error("the plan has changed since run {run} started, and that run is {state}")]
    PlanChanged {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
    },
    /// The run has another scope than the one that is asked for.
    #[error("run {run} is {state} with a different scope: {scope}")]
    ScopeChanged {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
        /// Its scope.
        scope: String,
    },
    /// The plan has other keys than the run noted when it began.
    #[error("the keys differ from those that run {run} started with")]
    KeysChanged {
        /// The run.
        run: String,
    },
}

impl Advise for ResumeRefused {
    fn advice(&self) -> Advice {
        const CANCEL: &str = "undo the change, or cancel the run with `reseal cancel PLAN`";
        let (code, help) = match self {
            ResumeRefused::RollingBack { .. } => ("rolling-back", "finish it with `reseal rollback`"),
            ResumeRefused::PlanChanged { .. } => ("plan-changed", CANCEL),
            ResumeRefused::ScopeChanged { .. } => (
                "scope-changed",
                "resume it with `reseal resume PLAN`, or cancel it with `reseal cancel PLAN`",
            ),
            ResumeRefused::KeysChanged { .. } => ("keys-changed", CANCEL),
        };
        Advice::refused(code, help)
    }
}
