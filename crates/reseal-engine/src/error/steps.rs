//! What is wrong with the steps around a run, and with the variables that fill them.

use reseal_store::StepKey;
use thiserror::Error;

use super::{Advice, Advise};

/// What is wrong with the steps around a run.
#[derive(Clone, Debug, Error)]
pub enum StepError {
    /// A variable holds a key.
    #[error("variable `{name}` contains a key, but the ledger records variables")]
    VarIsSecret {
        /// The variable.
        name: String,
    },
    /// A step failed.
    #[error("step {} of `{}` ({label}) failed: {status}", .key.number, .key.phase)]
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
                Advice::refused("var-is-secret", "use `vars:` only for values that are not secret")
            }
            StepError::Failed { output, .. } => match output.trim() {
                "" => Advice::refused(
                    "hook-failed",
                    "fix the problem and run again; completed steps are not repeated",
                ),
                output => Advice::refused("hook-failed", format!("output of the step:\n{output}")),
            },
        }
    }
}
