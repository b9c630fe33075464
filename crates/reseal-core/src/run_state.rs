//! The states of a run and the one table of transitions between them.

use crate::states::states;

states! {
    /// Where a run stands.
    RunState {
        /// Preflight passed, shards are written, no swap yet.
        Prepared = "prepared",
        /// An engine works on it.
        Running = "running",
        /// Stopped on purpose or by circumstance; `run` goes on where it stopped.
        Paused = "paused",
        /// Stopped by an error; `run` goes on where it stopped.
        Failed = "failed",
        /// A sweep of the whole plan found every cell under the primary.
        Complete = "complete",
        /// A sweep of the run's scope found every cell in it under the primary.
        ScopeDone = "scope_done",
        /// Cancelled by an operator.
        Cancelled = "cancelled",
        /// Cells are being put back.
        RollingBack = "rolling_back",
        /// Every cell that could be put back was.
        RolledBack = "rolled_back",
    }
}

impl RunState {
    /// Whether `run` can go on with a run in this state.
    #[must_use]
    pub fn is_resumable(self) -> bool {
        matches!(self, RunState::Prepared | RunState::Running | RunState::Paused | RunState::Failed)
    }

    /// Whether nothing more will happen to a run in this state, short of a rollback.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, RunState::Complete | RunState::ScopeDone | RunState::Cancelled | RunState::RolledBack)
    }

    /// The transition table. Everything that is not listed is refused.
    #[must_use]
    pub fn may_become(self, next: RunState) -> bool {
        use RunState::*;
        match self {
            // Written by preflight, picked up by the same engine or cancelled before the first swap.
            Prepared => matches!(next, Running | Cancelled | Failed | Paused),
            // Running → Running is a takeover: the holder died, another engine goes on.
            Running => {
                matches!(next, Running | Paused | Failed | Complete | ScopeDone | Cancelled | RollingBack)
            }
            Paused | Failed => matches!(next, Running | Cancelled | RollingBack),
            // A finished run can be rolled back while its undo is kept.
            Complete | ScopeDone | Cancelled => matches!(next, RollingBack),
            // Rolling back can be interrupted; it is resumed by `rollback`, never by `run`.
            RollingBack => matches!(next, RollingBack | RolledBack),
            RolledBack => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_rolled_back_and_nothing_resumes_what_is_over() {
        for next in RunState::ALL {
            assert!(!RunState::RolledBack.may_become(next));
        }
        for state in RunState::ALL.into_iter().filter(|state| state.is_over()) {
            assert!(!state.may_become(RunState::Running));
        }
    }
}
