//! Why a key cannot be retired or destroyed.

use reseal_core::quantity::count;
use reseal_core::{KeyState, RunState};
use reseal_engine::{Advice, Advise, Finding};
use thiserror::Error;

/// Why a key cannot be retired or destroyed.
#[derive(Clone, Debug, Error)]
pub enum RetireError {
    /// The key is the primary.
    #[error("keyset {keyset}: {key} is the plan's primary and still seals new data")]
    Primary {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// This change of state is not allowed.
    #[error("keyset {keyset}: {key} is {state} and cannot become {to}")]
    WrongState {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
        /// The requested state.
        to: KeyState,
    },
    /// The key ID was not passed as confirmation.
    #[error("{key} would be destroyed permanently; this needs confirmation")]
    Unconfirmed {
        /// The key.
        key: String,
    },
    /// The policy keeps retired keys forever.
    #[error("the policy keeps retired keys such as {key} forever")]
    KeptForEver {
        /// The key.
        key: String,
    },
    /// The retention period is not over.
    #[error("the policy keeps {key} for another {left}")]
    KeptLonger {
        /// The key.
        key: String,
        /// The remaining time, as text.
        left: String,
    },
    /// Several keys match.
    #[error("{count} keys of plan {plan} match {key}")]
    Ambiguous {
        /// How many.
        count: usize,
        /// The plan.
        plan: String,
        /// The value that was passed.
        key: String,
    },
    /// No key has the label now, which is a role.
    #[error("no key of plan {plan} that can be read has the label {key} now; it belonged to {} before", .once.join(", "))]
    NoLabel {
        /// The plan.
        plan: String,
        /// The label.
        key: String,
        /// The keys that had it first: the beginning of the fingerprint of each, and its state.
        once: Vec<String>,
    },
    /// Another process changed its state.
    #[error("another process changed the state of {key}")]
    Moved {
        /// The key.
        key: String,
    },
    /// An unfinished run may still use the key.
    #[error("run {run} is {state} and can still be resumed")]
    RunNotOver {
        /// The run.
        run: String,
        /// Its state.
        state: RunState,
    },
    /// At least one place still has its cells, or may have them.
    #[error("{key} is still needed:\n{}", places(.held))]
    Held {
        /// The key.
        key: String,
        /// The places.
        held: Vec<Held>,
    },
}

/// A place that still has cells of a key, or may have them.
#[derive(Clone, Debug, Error)]
pub enum Held {
    /// Cells of a field are under the key.
    #[error("{field} has {} cells under it", count(*.cells))]
    InField {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Cells of a field are under the key, in rows that `where:` excludes.
    #[error("{field} has {} cells under it in rows that `where:` excludes", count(*.cells))]
    InRowsLeftOut {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Cells of a field are under a key that the plan does not have. It may be this one.
    #[error("{field} has {} cells that open under no key of the plan", count(*.cells))]
    Unknown {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Cells of a field open under no key, although the plan has this one: damaged, or sealed otherwise than it says.
    #[error("{field} has {} cells that do not open, and may need it", count(*.cells))]
    Unreadable {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// A run keeps old cells for its rollback.
    #[error("run {run} keeps {} old cells for its rollback, some of them under this key", count(*.cells))]
    InUndo {
        /// The run.
        run: String,
        /// How many.
        cells: u64,
    },
    /// A column outside the plan looks sealed.
    #[error("{}", .0.message)]
    Outside(Finding),
}

impl Advise for Held {
    fn advice(&self) -> Advice {
        match self {
            Held::InField { .. } => {
                Advice::refused("key-in-use", "rotate these cells with `reseal run PLAN`")
            }
            Held::InRowsLeftOut { .. } => Advice::refused(
                "rows-left-out",
                "widen the `where:` of the table and run again, or rotate these cells in the application",
            ),
            Held::Unknown { .. } => {
                Advice::refused("cells-unknown", "add the key to the plan again, or repair these cells")
            }
            Held::Unreadable { .. } => Advice::refused(
                "cells-unreadable",
                "repair these cells; or pass `--accept-unreadable` with their number, which the audit trail records",
            ),
            Held::InUndo { run, .. } => Advice::refused(
                "undo-holds",
                format!(
                    "delete the old cells with `reseal undo drop PLAN --run {run} --confirm NAME` when no rollback is \
                     needed"
                ),
            ),
            Held::Outside(finding) => Advice::refused(finding.code, finding.help.clone()),
        }
    }
}

fn places(held: &[Held]) -> String {
    let places: Vec<String> = held.iter().map(Held::to_string).collect();
    places.join("\n")
}

/// The help for all places, without repeated lines.
fn about(held: &[Held]) -> Advice {
    let mut helps: Vec<String> = Vec::new();
    for help in held.iter().filter_map(|held| held.advice().help) {
        if !help.is_empty() && !helps.iter().any(|other| *other == help) {
            helps.push(help.into_owned());
        }
    }
    let code = held.first().map_or("key-in-use", |held| held.advice().code);
    Advice::refused(code, helps.join("\n"))
}

impl Advise for RetireError {
    fn advice(&self) -> Advice {
        match self {
            RetireError::Primary { .. } => Advice::refused("key-state", "make another key the primary first"),
            RetireError::WrongState { state, to, .. } => Advice::refused("key-state", before(*state, *to)),
            RetireError::Unconfirmed { key } => Advice::usage("confirm", format!("pass `--confirm {key}`")),
            RetireError::KeptForEver { .. } => {
                Advice::refused("key-kept", "change `keep_retired` in the plan")
            }
            RetireError::KeptLonger { .. } => {
                Advice::refused("key-kept", "wait, or change `keep_retired` in the plan")
            }
            RetireError::Ambiguous { .. } => Advice::usage(
                "which-key",
                "pass `--keyset`, or the first characters of its fingerprint (see `reseal keys list PLAN --json`)",
            ),
            RetireError::NoLabel { .. } => Advice::usage(
                "which-key",
                "pass 12 or more of the first digits of its fingerprint (`reseal keys list PLAN`), or make the key readable that has the label",
            ),
            RetireError::Moved { .. } => {
                Advice::stopped("catalogue-busy", "check `reseal keys list PLAN` and try again")
            }
            RetireError::RunNotOver { .. } => {
                Advice::refused("run-not-over", "finish it, cancel it or roll it back first")
            }
            RetireError::Held { held, .. } => about(held),
        }
    }
}

/// What to do before a key can reach a state.
fn before(state: KeyState, to: KeyState) -> &'static str {
    match (state, to) {
        (KeyState::Active, KeyState::Retired) => "rotate to another key first with `reseal run PLAN`",
        (KeyState::Created | KeyState::Rotating, KeyState::Destroyed) => {
            "retire it first with `reseal keys retire`"
        }
        (KeyState::Active, KeyState::Destroyed) => "rotate to another key, then retire this one first",
        _ => "generate a new key with `reseal keys generate`",
    }
}
