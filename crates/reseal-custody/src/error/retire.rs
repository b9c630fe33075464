//! Why a key cannot be given up.

use reseal_core::{KeyState, RunState};
use reseal_engine::{Advice, Advise, Finding};
use thiserror::Error;

/// Why a key cannot be given up.
#[derive(Clone, Debug, Error)]
pub enum RetireError {
    /// It seals.
    #[error("keyset {keyset}: {key} is the plan's primary, and would seal")]
    Primary {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
    },
    /// The states of keys do not follow each other so.
    #[error("keyset {keyset}: {key} is {state}, and cannot become {to}")]
    WrongState {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
        /// What it was to become.
        to: KeyState,
    },
    /// Nobody has said that it is to be gone for ever.
    #[error("{key} would be gone for ever: say so with its id")]
    Unconfirmed {
        /// The key.
        key: String,
    },
    /// The policy never lets go of a key.
    #[error("the policy keeps retired keys for ever, and {key} is one")]
    KeptForEver {
        /// The key.
        key: String,
    },
    /// The policy does not let go of it yet.
    #[error("{key} is to be kept for another {left}")]
    KeptLonger {
        /// The key.
        key: String,
        /// How long, for people.
        left: String,
    },
    /// Several keys go by what was given.
    #[error("{count} keys of plan {plan} are called {key}")]
    Ambiguous {
        /// How many.
        count: usize,
        /// The plan.
        plan: String,
        /// What was given.
        key: String,
    },
    /// No key has the label now, which is a role.
    #[error("no key of plan {plan} that can be read has the label {key} now; it was once that of {}", .once.join(", "))]
    NoLabel {
        /// The plan.
        plan: String,
        /// The label.
        key: String,
        /// The keys that had it first: the beginning of the fingerprint of each, and its state.
        once: Vec<String>,
    },
    /// Another process moved it.
    #[error("{key} was moved by another process meanwhile")]
    Moved {
        /// The key.
        key: String,
    },
    /// A run may still move cells to it or from it.
    #[error("run {run} is {state}, and can still be gone on with")]
    RunNotOver {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
    },
    /// Something still holds its cells, or may: at least one place.
    #[error("{key} cannot be given up:\n{}", places(.held))]
    Held {
        /// The key.
        key: String,
        /// The places.
        held: Vec<Held>,
    },
}

/// A place that still holds cells of a key, or may.
#[derive(Clone, Debug, Error)]
pub enum Held {
    /// Cells of a field are under it.
    #[error("{field} holds {cells} cells under it")]
    InField {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Cells of a field are under it in rows that the plan's condition leaves out.
    #[error("{field} holds {cells} cells under it in rows that `where:` leaves out")]
    InRowsLeftOut {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Cells of a field are under a key that the plan does not have, which may be this one.
    #[error("{field} holds {cells} cells that open under no key of the plan")]
    Unknown {
        /// Table and field.
        field: String,
        /// How many.
        cells: u64,
    },
    /// Old cells that a run keeps for its rollback.
    #[error("undo of run {run} holds {cells} old cells, of this key among others")]
    InUndo {
        /// The run.
        run: String,
        /// How many.
        cells: u64,
    },
    /// A column outside of the plan looks sealed.
    #[error("{}", .0.message)]
    Outside(Finding),
}

impl Advise for Held {
    fn advice(&self) -> Advice {
        match self {
            Held::InField { .. } => Advice::refused("key-in-use", "`reseal run` moves them"),
            Held::InRowsLeftOut { .. } => Advice::refused(
                "rows-left-out",
                "widen the `where:` of their table and run, or let the application move these cells",
            ),
            Held::Unknown { .. } => {
                Advice::refused("cells-unknown", "bring the key back into the plan, or mend those cells")
            }
            Held::InUndo { run, .. } => Advice::refused(
                "undo-holds",
                format!(
                    "when no rollback is needed any more: `reseal undo drop PLAN --run {run} --confirm NAME`"
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

/// What is to be done about all places, each line once.
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
            RetireError::Unconfirmed { key } => Advice::usage("confirm", format!("--confirm {key}")),
            RetireError::KeptForEver { .. } => Advice::refused("key-kept", "`keep_retired` in the plan"),
            RetireError::KeptLonger { .. } => Advice::refused("key-kept", "wait"),
            RetireError::Ambiguous { .. } => Advice::usage(
                "which-key",
                "pass `--keyset`, or the beginning of its fingerprint (`reseal keys list PLAN --json`)",
            ),
            RetireError::NoLabel { .. } => Advice::usage(
                "which-key",
                "pass 12 or more of the first digits of its fingerprint (`reseal keys list PLAN`), or make the key readable that has the label",
            ),
            RetireError::Moved { .. } => {
                Advice::stopped("catalogue-busy", "look at `reseal keys list`, and try again")
            }
            RetireError::RunNotOver { .. } => {
                Advice::refused("run-not-over", "finish, cancel or roll it back first")
            }
            RetireError::Held { held, .. } => about(held),
        }
    }
}

/// What leads from one state to another.
fn before(state: KeyState, to: KeyState) -> &'static str {
    match (state, to) {
        (KeyState::Active, KeyState::Retired) => "rotate to another key first: `reseal run`",
        (KeyState::Created | KeyState::Rotating, KeyState::Destroyed) => {
            "retire it first: `reseal keys retire`"
        }
        (KeyState::Active, KeyState::Destroyed) => "rotate to another key, then retire this one",
        _ => "generate a new key with `reseal keys generate`",
    }
}
