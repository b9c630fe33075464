//! What is wrong with the steps around a run, and with the variables that fill them.

use reseal_store::StepKey;
use thiserror::Error;

use super::{Advice, Advise};

/// What is wrong with the steps around a run.
#[derive(Clone, Debug, Error)]
pub enum StepError {
    /// A variable holds a key.
    #[error("the variable {name} holds a key, and variables are noted in the ledger")]
    VarIsSecret {
        /// The variable.
        name: String,
    },
    /// A step failed.
    #[error("hooks, {}, step {} ({label}): {status}", .key.phase, .key.number)]
    Failed {
        /// Which step.
        key: StepKey,
        /// What it is, for people.
        label: String,
        /// How it ended, in words.
        status: String,
        /// The end of what it printed, without secrets.
        output: String,
    },
}

impl Advise for StepError {
    fn advice(&self) -> Advice {
        match self {
            StepError::VarIsSecret { .. } => {
                Advice::refused("var-is-secret", "`vars:` is for what is no secret")
            }
            StepError::Failed { output, .. } => match output.trim() {
                "" => Advice::refused(
                    "hook-failed",
                    "put it right and run again: steps that are done are not repeated",
                ),
                output => Advice::refused("hook-failed", format!("it said:\n{output}")),
            },
        }
    }
}
