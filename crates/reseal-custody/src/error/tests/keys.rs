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
    let rotating = "keyset main: v1 is still rotating, from a run before";
    let seals = "keyset main: v1 seals for 2 days and is to be 30 days old";
    let wait = "wait, or say --emergency where it cannot wait";
    let behind = "wait, or say --emergency where it cannot wait\n\
                  the steps of `before` are done: `reseal resume PLAN` goes on when this is settled,\n\
                  `reseal rollback PLAN --confirm p` undoes them, so that another run may begin";
    vec![
        case(
            PolicyError::NoEmergency { run: s("r1"), state: RunState::Paused },
            Refused,
            "no-emergency",
            "run r1 is paused, and began in no emergency",
            "`reseal cancel PLAN --run r1` leaves it where it is",
        ),
        case(
            PolicyError::StillRotating { keyset: keyset(), key: key() },
            Refused,
            "key-rotating",
            rotating,
            "finish that first: `reseal keys retire PLAN v1`, or say --emergency",
        ),
        case(
            PolicyError::AgeUnknown { keyset: keyset(), key: key() },
            Refused,
            "key-age-unknown",
            "keyset main: v1 may be too young to be rotated: nobody noted since when it seals",
            "`reseal keys activate PLAN v1 --since TIME`, or --emergency",
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
            "check the key's id; the first run that moves its cells pins it",
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
            "keyset main: without its pin, v1 may stand for other bytes: confirm with its id",
            "pass `--confirm v1`",
        ),
        case(
            PinError::RunNotOver { run: run(), state: RunState::Paused, key: key() },
            Refused,
            "run-not-over",
            "run r1 is paused and relies on the bytes that v1 was pinned with",
            "resume it with `reseal run PLAN`, or cancel it: `reseal cancel PLAN --run r1`",
        ),
        case(
            PinError::UndoKept { run: run(), cells: 7, key: key() },
            Refused,
            "undo-holds",
            "run r1 used v1 and keeps 7 old cells for its rollback",
            "roll it back, or drop what it keeps: `reseal undo drop PLAN --run r1 --confirm NAME`",
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
            "keyset main: v1 is the plan's primary, and would seal",
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
            "no key of plan people that can be read has the label next now; it was once that of 0123456789abcdef (active)",
            "pass 12 or more of the first digits of its fingerprint (`reseal keys list PLAN`), or make the key readable that has the label",
        ),
        wrong(
            KeyState::Active,
            KeyState::Retired,
            "keyset main: v1 is active, and cannot become retired",
            "rotate to another key first: `reseal run`",
        ),
        wrong(
            KeyState::Created,
            KeyState::Destroyed,
            "keyset main: v1 is created, and cannot become destroyed",
            "retire it first: `reseal keys retire`",
        ),
        wrong(
            KeyState::Active,
            KeyState::Destroyed,
            "keyset main: v1 is active, and cannot become destroyed",
            "rotate to another key, then retire this one",
        ),
        wrong(
            KeyState::Destroyed,
            KeyState::Active,
            "keyset main: v1 is destroyed, and cannot become active",
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
            "v1 would be gone for ever: say so with its id",
            "--confirm v1",
        ),
        case(
            RetireError::KeptForEver { key: key() },
            Refused,
            "key-kept",
            "the policy keeps retired keys for ever, and v1 is one",
            "`keep_retired` in the plan",
        ),
        case(
            RetireError::KeptLonger { key: key(), left: s("3 days") },
            Refused,
            "key-kept",
            "v1 is to be kept for another 3 days",
            "wait",
        ),
        case(
            RetireError::Ambiguous { count: 2, plan: s("p"), key: key() },
            Usage,
            "which-key",
            "2 keys of plan p are called v1",
            "pass `--keyset`, or the beginning of its fingerprint",
        ),
        case(
            RetireError::Moved { key: key() },
            Stopped,
            "catalogue-busy",
            "v1 was moved by another process meanwhile",
            "look at `reseal keys list`, and try again",
        ),
        case(
            RetireError::RunNotOver { run: s("r1"), state: RunState::Paused },
            Refused,
            "run-not-over",
            "run r1 is paused, and can still be gone on with",
            "finish, cancel or roll it back first",
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
            "v1 cannot be given up:\nt.c holds 4 cells under it\nu.c holds 4 cells under it\n\
             undo of run r1 holds 9 old cells, of this key among others",
            "`reseal run` moves them\nwhen no rollback is needed any more: `reseal undo drop PLAN --run r1 --confirm NAME`",
        ),
        held(
            vec![Held::Unknown { field: s("t.c"), cells: 4 }, outside("")],
            "cells-unknown",
            "v1 cannot be given up:\nt.c holds 4 cells that open under no key of the plan\nt.c looks sealed",
            "bring the key back into the plan, or mend those cells",
        ),
        held(
            vec![Held::InUndo { run: s("r1"), cells: 9 }],
            "undo-holds",
            "v1 cannot be given up:\nundo of run r1 holds 9 old cells, of this key among others",
            "when no rollback is needed any more",
        ),
        held(
            vec![Held::InRowsLeftOut { field: s("t.c"), cells: 2 }],
            "rows-left-out",
            "v1 cannot be given up:\nt.c holds 2 cells under it in rows that `where:` leaves out",
            "widen the `where:` of their table and run, or let the application move these cells",
        ),
        held(
            vec![outside("add it to the plan")],
            "sealed-outside",
            "v1 cannot be given up:\nt.c looks sealed",
            "add it to the plan",
        ),
    ]
}
