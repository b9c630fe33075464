//! Rules of the policy for keys that are checked before a run.

use reseal_core::RunState;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// A rule of the policy for keys is violated.
#[derive(Clone, Debug, Error)]
pub enum PolicyError {
    /// An emergency run cannot resume a run that was not started as one.
    #[error("run {run} is {state} and was not started as an emergency run")]
    NoEmergency {
        /// The run.
        run: String,
        /// Its state.
        state: RunState,
    },
    /// An earlier run left a key in state `rotating`.
    #[error("keyset {keyset}: {key} is still in state `rotating` after an earlier run")]
    StillRotating {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// The age of the current key is not known.
    #[error("keyset {keyset}: {key} may be too young to rotate, because its first use is not recorded")]
    AgeUnknown {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// The current key is younger than the policy requires.
    #[error(
        "keyset {keyset}: {key} has been in use for {age}, and the policy requires {least} before a rotation"
    )]
    TooYoung {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its age, as text.
        age: String,
        /// The required age, as text.
        least: String,
    },
}

impl Advise for PolicyError {
    fn advice(&self) -> Advice {
        match self {
            PolicyError::NoEmergency { run, .. } => Advice::refused(
                "no-emergency",
                format!(
                    "cancel it with `reseal cancel PLAN --run {run}` and start an emergency run,\nor resume it as it \
                     is with `reseal resume PLAN`"
                ),
            ),
            PolicyError::StillRotating { key, .. } => Advice::refused(
                "key-rotating",
                format!("run `reseal keys retire PLAN {key}` first, or pass `--emergency`"),
            ),
            PolicyError::AgeUnknown { key, .. } => Advice::refused(
                "key-age-unknown",
                format!(
                    "record it with `reseal keys activate PLAN {key} --since TIME`, or pass `--emergency`"
                ),
            ),
            PolicyError::TooYoung { .. } => {
                Advice::refused("key-young", "wait, or pass `--emergency` if it cannot wait")
            }
        }
    }
}
