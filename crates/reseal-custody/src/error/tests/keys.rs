//! What the policy says of keys, and what still holds their cells.

use reseal_core::{KeyState, RunState};
use reseal_engine::Class::{Refused, Stopped, Usage};
use reseal_engine::{Finding, Severity};

use super::super::*;
use super::{Case, case, s};

pub(super) fn of_policy() -> Vec<Case> {
    let (keyset, key) = (|| s("main"), || s("v1"));
    let young =
        || PolicyError::TooYoung { keyset: keyset(), key: key(), age: s("2 days"), least: s("30 days") };
    let rotating = "keyset main: v1 is still in state `rotating` after an earlier run";
    let seals =
        "keyset main: v1 has been in use for 2 days, and the policy requires 30 days before a rotation";
    let wait = "wait, or pass `--emergency` if it cannot wait";
    let behind = "wait, or pass `--emergency` if it cannot wait\nthe `before` steps have run: fix this and resume with \
                  `reseal resume PLAN`,\nor undo the steps with `reseal rollback PLAN --confirm p` and start another run";
    vec![
        case(
            PolicyError::NoEmergency { run: s("r1"), state: RunState::Paused },
            Refused,
            "no-emergency",
            "run r1 is paused and was not started as an emergency run",
            "cancel it with `reseal cancel PLAN --run r1` and start an emergency run",
        ),
        case(
            PolicyError::StillRotating { keyset: keyset(), key: key() },
            Refused,
            "key-rotating",
            rotating,
            "run `reseal keys retire PLAN v1` first, or pass `--emergency`",
        ),
        case(
            PolicyError::AgeUnknown { keyset: keyset(), key: key() },
            Refused,
            "key-age-unknown",
            "keyset main: v1 may be too young to rotate, because its first use is not recorded",
            "record it with `reseal keys activate PLAN v1 --since TIME`, or pass `--emergency`",
        ),
        case(young(), Refused, "key-young", seals, wait),
        case(
            CustodyError::PolicyBehindBefore { plan: s("p"), refused: young() },
            Refused,
            "key-young",
            seals,
            behind,
        ),
    ]
}

pub(super) fn of_pins() -> Vec<Case> {
    let (plan, keyset, key, run) = (|| s("p"), || s("main"), || s("v1"), || s("r1"));
    vec![
        case(
            PinError::NotPinned { plan: plan(), key: key() },
            Usage,
            "no-such-pin",
            "plan p has no pin for key v1",
            "check the key ID; a key is pinned by the first run that rotates its cells",
        ),
        case(
            PinError::Ambiguous { plan: plan(), key: key(), keysets: s("a, b") },
            Usage,
            "which-key",
            "several keysets of plan p have a pin for key v1: a, b",
            "pass `--keyset` with one of them",
        ),
        case(
            PinError::Unconfirmed { keyset: keyset(), key: key() },
            Usage,
            "confirm",
            "keyset main: without its pin, key ID v1 could later name different bytes; this needs confirmation",
            "pass `--confirm v1`",
        ),
        case(
            PinError::RunNotOver { run: run(), state: RunState::Paused, key: key() },
            Refused,
            "run-not-over",
            "run r1 is paused and needs the bytes pinned to v1",
            "resume it with `reseal resume PLAN`, or cancel it with `reseal cancel PLAN --run r1`",
        ),
        case(
            PinError::UndoKept { run: run(), cells: 7, key: key() },
            Refused,
            "undo-holds",
            "run r1 used v1 and keeps 7 old cells for its rollback",
            "roll it back, or delete its old cells with `reseal undo drop PLAN --run r1 --confirm NAME`",
        ),
        case(
            PinError::Moved { keyset: keyset(), key: key() },
            Stopped,
            "pin-busy",
            "keyset main: another process has changed the pin of v1",
            "try again",
        ),
    ]
}

pub(super) fn of_retiring() -> Vec<Case> {
    let (keyset, key) = (|| s("main"), || s("v1"));
    let wrong = |state, to, message, help| {
        case(
            RetireError::WrongState { keyset: keyset(), key: key(), state, to },
            Refused,
            "key-state",
            message,
            help,
        )
    };
    vec![
        case(
            RetireError::Primary { keyset: keyset(), key: key() },
            Refused,
            "key-state",
            "keyset main: v1 is the plan's primary and still seals new data",
            "make another key the primary first",
        ),
        case(
            RetireError::NoLabel {
                plan: s("people"),
                key: s("next"),
                once: vec![s("0123456789abcdef (active)")],
            },
            Usage,
            "which-key",
            "no key of plan people that can be read has the label next now; it belonged to 0123456789abcdef (active) before",
            "pass 12 or more of the first digits of its fingerprint (`reseal keys list PLAN`), or make the key readable that has the label",
        ),
        wrong(
            KeyState::Active,
            KeyState::Retired,
            "keyset main: v1 is active and cannot become retired",
            "rotate to another key first with `reseal run PLAN`",
        ),
        wrong(
            KeyState::Created,
            KeyState::Destroyed,
            "keyset main: v1 is created and cannot become destroyed",
            "retire it first with `reseal keys retire`",
        ),
        wrong(
            KeyState::Active,
            KeyState::Destroyed,
            "keyset main: v1 is active and cannot become destroyed",
            "rotate to another key, then retire this one first",
        ),
        wrong(
            KeyState::Destroyed,
            KeyState::Active,
            "keyset main: v1 is destroyed and cannot become active",
            "generate a new key with `reseal keys generate`",
        ),
    ]
}

pub(super) fn of_giving_up() -> Vec<Case> {
    let key = || s("v1");
    vec![
        case(
            RetireError::Unconfirmed { key: key() },
            Usage,
            "confirm",
            "v1 would be destroyed permanently; this needs confirmation",
            "pass `--confirm v1`",
        ),
        case(
            RetireError::KeptForEver { key: key() },
            Refused,
            "key-kept",
            "the policy keeps retired keys such as v1 forever",
            "change `keep_retired` in the plan",
        ),
        case(
            RetireError::KeptLonger { key: key(), left: s("3 days") },
            Refused,
            "key-kept",
            "the policy keeps v1 for another 3 days",
            "wait",
        ),
        case(
            RetireError::Ambiguous { count: 2, plan: s("p"), key: key() },
            Usage,
            "which-key",
            "2 keys of plan p match v1",
            "pass `--keyset`, or the first characters of its fingerprint",
        ),
        case(
            RetireError::Moved { key: key() },
            Stopped,
            "catalogue-busy",
            "another process changed the state of v1",
            "check `reseal keys list PLAN` and try again",
        ),
        case(
            RetireError::RunNotOver { run: s("r1"), state: RunState::Paused },
            Refused,
            "run-not-over",
            "run r1 is paused and can still be resumed",
            "finish it, cancel it or roll it back first",
        ),
    ]
}

pub(super) fn of_places() -> Vec<Case> {
    let held = |held, code, message, help| {
        case(RetireError::Held { key: s("v1"), held }, Refused, code, message, help)
    };
    let field = |field: &str| Held::InField { field: s(field), cells: 4 };
    let outside = |help: &str| {
        let message = s("t.c looks sealed");
        Held::Outside(Finding { severity: Severity::Warning, code: "sealed-outside", message, help: s(help) })
    };
    vec![
        held(
            vec![field("t.c"), field("u.c"), Held::InUndo { run: s("r1"), cells: 9 }],
            "key-in-use",
            "v1 is still needed:\nt.c has 4 cells under it\nu.c has 4 cells under it\nrun r1 keeps 9 old cells for its \
             rollback, some of them under this key",
            "rotate these cells with `reseal run PLAN`\ndelete the old cells with `reseal undo drop PLAN --run r1 \
             --confirm NAME` when no rollback is needed",
        ),
        held(
            vec![Held::Unknown { field: s("t.c"), cells: 4 }, outside("")],
            "cells-unknown",
            "v1 is still needed:\nt.c has 4 cells that open under no key of the plan\nt.c looks sealed",
            "add the key to the plan again, or repair these cells",
        ),
        held(
            vec![Held::Unreadable { field: s("t.c"), cells: 5 }],
            "cells-unreadable",
            "v1 is still needed:\nt.c has 5 cells that do not open, and may need it",
            "repair these cells; or pass `--accept-unreadable` with their number, which the audit trail records",
        ),
        held(
            vec![Held::InUndo { run: s("r1"), cells: 9 }],
            "undo-holds",
            "v1 is still needed:\nrun r1 keeps 9 old cells for its rollback, some of them under this key",
            "delete the old cells with `reseal undo drop PLAN --run r1 --confirm NAME`",
        ),
        held(
            vec![Held::InRowsLeftOut { field: s("t.c"), cells: 2 }],
            "rows-left-out",
            "v1 is still needed:\nt.c has 2 cells under it in rows that `where:` excludes",
            "widen the `where:` of the table and run again, or rotate these cells in the application",
        ),
        held(
            vec![outside("add it to the plan")],
            "sealed-outside",
            "v1 is still needed:\nt.c looks sealed",
            "add it to the plan",
        ),
    ]
}
