//! Why a run that is not over cannot be gone on with.

use reseal_core::RunState;
use thiserror::Error;

use super::{Advice, Advise};

/// Why a run that is not over cannot be gone on with.
#[derive(Clone, Debug, Error)]
pub enum ResumeRefused {
    /// It is being rolled back.
    #[error("run {run} is being rolled back")]
    RollingBack {
        /// The run.
        run: String,
    },
    /// The plan says something else than when the run began.
    #[error("the plan changed since run {run} began, and that run is {state}")]
    PlanChanged {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
    },
    /// The run has another scope than the one that is asked for.
    #[error("run {run} is {state} in another scope: {scope}")]
    ScopeChanged {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
        /// Its scope.
        scope: String,
    },
    /// The plan has other keys than the run noted when it began.
    #[error("the keys are not those that run {run} began with")]
    KeysChanged {
        /// The run.
        run: String,
    },
}

impl Advise for ResumeRefused {
    fn advice(&self) -> Advice {
        const CANCEL: &str = "put it back, or give the run up with `reseal cancel`";
        let (code, help) = match self {
            ResumeRefused::RollingBack { .. } => ("rolling-back", "finish it with `reseal rollback`"),
            ResumeRefused::PlanChanged { .. } => ("plan-changed", CANCEL),
            ResumeRefused::ScopeChanged { .. } => ("scope-changed", "resume it in its scope, or cancel it"),
            ResumeRefused::KeysChanged { .. } => ("keys-changed", CANCEL),
        };
        Advice::refused(code, help)
    }
}
