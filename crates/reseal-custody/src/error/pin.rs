//! Why a pin cannot be removed.

use reseal_core::RunState;
use reseal_core::quantity::count;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why a pin cannot be removed.
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
    /// Several keysets have a pin for this key ID.
    #[error("several keysets of plan {plan} have a pin for key {key}: {keysets}")]
    Ambiguous {
        /// The plan.
        plan: String,
        /// The key.
        key: String,
        /// The keysets.
        keysets: String,
    },
    /// The key ID was not passed as confirmation.
    #[error(
        "keyset {keyset}: without its pin, key ID {key} could later name different bytes; this needs confirmation"
    )]
    Unconfirmed {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// A run that relies on the pinned bytes can be resumed.
    #[error("run {run} is {state} and needs the bytes pinned to {key}")]
    RunNotOver {
        /// The run.
        run: String,
        /// Its state.
        state: RunState,
        /// The key.
        key: String,
    },
    /// A run keeps old cells that need the pinned bytes.
    #[error("run {run} used {key} and keeps {} old cells for its rollback", count(*.cells))]
    UndoKept {
        /// The run.
        run: String,
        /// The number of old cells.
        cells: u64,
        /// The key.
        key: String,
    },
    /// Another process has removed it.
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
            PinError::NotPinned { .. } => Advice::usage(
                "no-such-pin",
                "check the key ID; a key is pinned by the first run that rotates its cells",
            ),
            PinError::Ambiguous { .. } => Advice::usage("which-key", "pass `--keyset` with one of them"),
            PinError::Unconfirmed { key, .. } => Advice::usage("confirm", format!("pass `--confirm {key}`")),
            PinError::RunNotOver { run, .. } => Advice::refused(
                "run-not-over",
                format!(
                    "resume it with `reseal resume PLAN`, or cancel it with `reseal cancel PLAN --run {run}`"
                ),
            ),
            PinError::UndoKept { run, .. } => Advice::refused(
                "undo-holds",
                format!(
                    "roll it back, or delete its old cells with `reseal undo drop PLAN --run {run} --confirm NAME`"
                ),
            ),
            PinError::Moved { .. } => Advice::stopped("pin-busy", "try again"),
        }
    }
}
