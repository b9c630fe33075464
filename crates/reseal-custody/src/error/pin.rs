//! Why a pin is not forgotten.

use reseal_core::RunState;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why a pin is not forgotten.
#[derive(Clone, Debug, Error)]
pub enum PinError {
    /// No run has pinned the key.
    #[error("plan {plan} has no pin for key {key}")]
    NotPinned {
        /// The plan.
        plan: String,
        /// The key.
        key: String,
    },
    /// Several keysets have pins for a key of this id.
    #[error("several keysets of plan {plan} have a pin for key {key}: {keysets}")]
    Ambiguous {
        /// The plan.
        plan: String,
        /// The key.
        key: String,
        /// The keysets.
        keysets: String,
    },
    /// Nobody has typed the key's id.
    #[error("keyset {keyset}: without its pin, {key} may stand for other bytes: confirm with its id")]
    Unconfirmed {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// A run that relies on the pinned bytes can be resumed.
    #[error("run {run} is {state} and relies on the bytes that {key} was pinned with")]
    RunNotOver {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
        /// The key.
        key: String,
    },
    /// A run keeps old cells that only the pinned bytes bring back.
    #[error("run {run} used {key} and keeps {cells} old cells for its rollback")]
    UndoKept {
        /// The run.
        run: String,
        /// How many.
        cells: u64,
        /// The key.
        key: String,
    },
    /// Another process has forgotten it.
    #[error("keyset {keyset}: another process has changed the pin of {key}")]
    Moved {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
}

impl Advise for PinError {
    fn advice(&self) -> Advice {
        match self {
            PinError::NotPinned { .. } => {
                Advice::usage("no-such-pin", "check the key's id; the first run that moves its cells pins it")
            }
            PinError::Ambiguous { .. } => Advice::usage("which-key", "pass `--keyset` with one of them"),
            PinError::Unconfirmed { key, .. } => Advice::usage("confirm", format!("pass `--confirm {key}`")),
            PinError::RunNotOver { run, .. } => Advice::refused(
                "run-not-over",
                format!("resume it with `reseal run PLAN`, or cancel it: `reseal cancel PLAN --run {run}`"),
            ),
            PinError::UndoKept { run, .. } => Advice::refused(
                "undo-holds",
                format!(
                    "roll it back, or drop what it keeps: `reseal undo drop PLAN --run {run} --confirm NAME`"
                ),
            ),
            PinError::Moved { .. } => Advice::stopped("pin-busy", "try again"),
        }
    }
}
