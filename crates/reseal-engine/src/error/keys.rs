//! What is wrong with the plan's keys. Keys are named by their ids.

use reseal_core::{KekError, KekFault, KeysetError};
use thiserror::Error;

use super::{Advice, Advise};

/// What is wrong with the plan's keys.
#[derive(Clone, Debug, Error)]
pub enum KeysError {
    /// A fingerprint could not be made.
    #[error("cannot compute the fingerprint of key `{key}`")]
    Fingerprint {
        /// The key.
        key: String,
    },
    /// An id has other bytes than a run before has pinned.
    #[error("key `{key}` of keyset `{keyset}` has different bytes than when it was first used")]
    Changed {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// Bytes that a run before has pinned have another id.
    #[error("key `{key}` of keyset `{keyset}` has the same bytes that were first used as `{first}`")]
    Renamed {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The id that the bytes had.
        first: String,
    },
    /// Another run has pinned an id since this one began.
    #[error("another run has pinned key `{key}` of keyset `{keyset}` since this run started")]
    PinnedMeanwhile {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// A key of a run that is to be rolled back has other bytes by now.
    #[error("key `{key}` of keyset `{keyset}` has different bytes than when run {run} started")]
    NotOfRun {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The run.
        run: String,
    },
    /// A key of a run that is to be rolled back is gone.
    #[error("key `{key}` of keyset `{keyset}` is missing, but run {run} needs it")]
    Gone {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The run.
        run: String,
    },
    /// The keys of a run that is to be rolled back make no keyset any more.
    #[error(transparent)]
    OfRun(KeysetError),
    /// No keyset has the key that cells are to go back to.
    #[error("no keyset of the plan has a key `{key}`")]
    NoSuchKey {
        /// The key that was given.
        key: String,
    },
    /// Cells are to go back to the key that they are under.
    #[error("`{key}` is the key of keyset `{keyset}` that the run sealed with")]
    SealedWith {
        /// The keyset.
        keyset: String,
        /// The key that was given.
        key: String,
    },
    /// Cells may go back to more than one key.
    #[error("keyset `{keyset}` has several old keys: {keys}")]
    Several {
        /// The keyset.
        keyset: String,
        /// Its old keys.
        keys: String,
    },
    /// A keyset cannot be turned to the key that cells are to go back to.
    #[error(transparent)]
    Reversed(KeysetError),
}

impl Advise for KeysError {
    fn advice(&self) -> Advice {
        const PUT_BACK: &str = "restore the key where the plan reads it from";
        match self {
            KeysError::Fingerprint { .. } => Advice::failed("fingerprint"),
            KeysError::Changed { key, .. } => Advice::refused(
                "key-changed",
                format!(
                    "give the new key its own key ID; cells under the old key still need the old bytes. {}",
                    forget(key)
                ),
            ),
            KeysError::Renamed { first, .. } => Advice::refused(
                "key-renamed",
                format!("generate a new key with `reseal keys generate`. {}", forget(first)),
            ),
            KeysError::PinnedMeanwhile { .. } => {
                Advice::stopped("pinned-meanwhile", "run again to compare the keys with these pins")
            }
            KeysError::NotOfRun { .. } | KeysError::Gone { .. } | KeysError::OfRun(_) => {
                Advice::refused("keys-changed", PUT_BACK)
            }
            KeysError::NoSuchKey { .. } => {
                Advice::usage("which-key", "pass `--to-key` with one of the plan's old keys")
            }
            KeysError::SealedWith { .. } => {
                Advice::usage("which-key", "pass `--to-key` with one of its other keys")
            }
            KeysError::Several { .. } => Advice::usage(
                "which-key",
                "pass `--to-key` with one of them, once for each keyset that has several",
            ),
            KeysError::Reversed(_) => {
                Advice::usage("which-key", "pass `--to-key` with one of the keyset's other keys")
            }
        }
    }
}

/// What is left where a pin holds the wrong bytes.
fn forget(key: &str) -> String {
    format!("If `{key}` was pinned with wrong bytes, run `reseal keys forget-pin PLAN {key} --confirm {key}`")
}

/// A KEK that did not do what it was asked.
#[derive(Clone, Debug, Error)]
#[error("KEK `{key}` {}: {error}", does(.error.fault))]
pub struct KekTrouble {
    /// The KEK.
    pub key: String,
    /// What it said.
    #[source]
    pub error: KekError,
}

impl KekTrouble {
    /// Whether it may not be used, and a later try would find the same.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self.error.fault {
            KekFault::Refused | KekFault::Invalid => true,
            KekFault::Throttled | KekFault::Unavailable => false,
        }
    }
}

fn does(fault: KekFault) -> &'static str {
    match fault {
        KekFault::Throttled => "throttles requests",
        KekFault::Unavailable => "is unreachable",
        KekFault::Refused | KekFault::Invalid => "refuses the request",
    }
}

impl Advise for KekTrouble {
    fn advice(&self) -> Advice {
        let (code, help) = match self.error.fault {
            KekFault::Throttled => {
                ("kek-throttled", "raise its quota, or slow the run down with `throttle:` in the plan")
            }
            KekFault::Unavailable => {
                ("kek-unavailable", "check that it is up and reachable from this machine")
            }
            KekFault::Refused | KekFault::Invalid => {
                ("kek-refused", "check that it is enabled and that Reseal is allowed to use it")
            }
        };
        Advice::stopped(code, format!("{help}; then run again to resume"))
    }
}
