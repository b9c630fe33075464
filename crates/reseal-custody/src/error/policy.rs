//! What the policy says of keys before a run.

use reseal_core::RunState;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// What the policy says of keys before a run.
#[derive(Clone, Debug, Error)]
pub enum PolicyError {
    /// An emergency would go on with a run that began in none.
    #[error("run {run} is {state}, and began in no emergency")]
    NoEmergency {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
    },
    /// A run before left a key between two states.
    #[error("keyset {keyset}: {key} is still rotating, from a run before")]
    StillRotating {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// Nobody knows how old the key is that seals now.
    #[error("keyset {keyset}: {key} may be too young to be rotated: nobody noted since when it seals")]
    AgeUnknown {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// The key that seals now is to be older.
    #[error("keyset {keyset}: {key} seals for {age} and is to be {least} old")]
    TooYoung {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// How old it is, for people.
        age: String,
        /// How old it is to be, for people.
        least: String,
    },
}

impl Advise for PolicyError {
    fn advice(&self) -> Advice {
        match self {
            PolicyError::NoEmergency { run, .. } => Advice::refused(
                "no-emergency",
                format!(
                    "`reseal cancel PLAN --run {run}` leaves it where it is, and the emergency begins a run of its own;\n\
                     `reseal resume PLAN` goes on with it as it was"
                ),
            ),
            PolicyError::StillRotating { key, .. } => Advice::refused(
                "key-rotating",
                format!("finish that first: `reseal keys retire PLAN {key}`, or say --emergency"),
            ),
            PolicyError::AgeUnknown { key, .. } => Advice::refused(
                "key-age-unknown",
                format!("`reseal keys activate PLAN {key} --since TIME`, or --emergency"),
            ),
            PolicyError::TooYoung { .. } => {
                Advice::refused("key-young", "wait, or say --emergency where it cannot wait")
            }
        }
    }
}
