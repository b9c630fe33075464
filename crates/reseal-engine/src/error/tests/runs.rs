//! Others at work, and runs before.

use reseal_core::RunState;

use super::super::Class::{Refused, Stopped, Usage};
use super::super::*;
use super::{Case, case, s};
use crate::stop::Stop;

pub(super) fn of_others_at_work() -> Vec<Case> {
    let busy = |error: Busy, code, message, help| case(error, Stopped, code, message, help);
    let known = KnownHolder { plan: s("p"), state: RunState::Paused, holder: s("db1, process 7") };
    let by = |known| ColumnHolder { run: s("r1"), known };
    let held = "t.c is held by run r1 of plan p (paused, held by db1, process 7)";
    let run = || s("r1");
    vec![
        busy(
            Busy::Column { column: s("t.c"), by: by(Some(known)) },
            "column-held",
            held,
            "wait for it, resume it",
        ),
        busy(
            Busy::Column { column: s("t.c"), by: by(None) },
            "column-held",
            "t.c is held by run r1",
            "wait for it, resume it, or give it up with `reseal cancel` and the file of its plan",
        ),
        busy(
            Busy::Run { run: run(), holder: s("db1, process 7") },
            "run-held",
            "run r1 is held by db1, process 7",
            "wait for it, or see `reseal status`",
        ),
        busy(Busy::AtWork { run: run() }, "run-held", "run r1 is at work", "pause it first: `reseal pause`"),
        busy(
            Busy::KeepsUndo { run: run() },
            "run-held",
            "run r1 is at work",
            "wait for it, or see `reseal status`",
        ),
        busy(
            Busy::MovedOn { run: run() },
            "run-held",
            "run r1 moved on meanwhile",
            "look at `reseal status`",
        ),
        busy(
            Busy::LastSteps { run: run() },
            "run-held",
            "another engine carries out the last steps of run r1",
            "wait for it",
        ),
    ]
}

pub(super) fn of_the_application() -> Vec<Case> {
    let busy = |error: Busy, code, message, help| case(error, Stopped, code, message, help);
    vec![
        busy(
            Busy::RowsLocked { table: s("t") },
            "database-busy",
            "rows of t stay locked",
            "run the same command again to go on",
        ),
        busy(
            Busy::Raced { table: s("t") },
            "raced",
            "rows of t are rewritten faster than they can be swapped",
            "run again at a quieter time",
        ),
        busy(
            Busy::RacedBack { table: s("t") },
            "raced",
            "rows of t are rewritten faster than they can be put back",
            "run `reseal rollback` again at a quieter time",
        ),
        busy(Busy::WindowClosed, "window", "the plan's windows are closed now", "wait for the window"),
        busy(Busy::UntilPassed, "until", "the time given by --until has come", "give a later time"),
        busy(
            Busy::RollbackStopped(Stop::Interrupted),
            "interrupted",
            "interrupted",
            "run `reseal rollback` again to go on",
        ),
        case(
            RunError::Superseded,
            Stopped,
            "superseded",
            "another engine has taken this run up",
            "let it finish; `reseal status` shows who holds the run",
        ),
    ]
}

pub(super) fn of_earlier_runs() -> Vec<Case> {
    let (run, state) = (|| s("r1"), RunState::Failed);
    let cancel = "put it back, or give the run up with `reseal cancel`";
    let resume = |error: ResumeRefused, code, message, help| case(error, Refused, code, message, help);
    vec![
        resume(
            ResumeRefused::RollingBack { run: run() },
            "rolling-back",
            "run r1 is being rolled back",
            "finish it with `reseal rollback`",
        ),
        resume(
            ResumeRefused::PlanChanged { run: run(), state },
            "plan-changed",
            "the plan changed since run r1 began, and that run is failed",
            cancel,
        ),
        resume(
            ResumeRefused::ScopeChanged { run: run(), state, scope: s("{}") },
            "scope-changed",
            "run r1 is failed in another scope: {}",
            "resume it in its scope, or cancel it",
        ),
        resume(
            ResumeRefused::KeysChanged { run: run() },
            "keys-changed",
            "the keys are not those that run r1 began with",
            cancel,
        ),
    ]
}

pub(super) fn of_rollbacks() -> Vec<Case> {
    let run = || s("r1");
    let back = |error: RollbackRefused, class, code, message, help| case(error, class, code, message, help);
    vec![
        back(
            RollbackRefused::NoRun { plan: s("p") },
            Refused,
            "no-run",
            "plan p has no run to roll back",
            "see `reseal runs`",
        ),
        back(
            RollbackRefused::NotNewest { newest: s("r2"), asked: run() },
            Refused,
            "not-newest",
            "run r2 came after r1",
            "only the newest run can be rolled back; roll it back first",
        ),
        back(
            RollbackRefused::NoSuchRun { asked: run() },
            Usage,
            "no-such-run",
            "there is no run r1",
            "see `reseal runs`",
        ),
        back(
            RollbackRefused::PlanChanged { run: run() },
            Refused,
            "plan-changed",
            "the plan changed since run r1 began",
            "roll back with the plan as it was",
        ),
        back(
            RollbackRefused::PlaintextInLog { settings: s("log_statement = all") },
            Refused,
            "plaintext-in-log",
            "the rollback would send plaintext, and the server would log it: log_statement = all",
            "turn that off during the rollback, or pass `--accept-plaintext-in-log`, which the audit trail records",
        ),
    ]
}

pub(super) fn of_other_tables() -> Vec<Case> {
    let table = || OtherTable { table: s("t"), run: s("r1"), was: s("a.t"), now: s("b.t") };
    let other = |error: IdentityRefused, message, help| case(error, Refused, "other-table", message, help);
    let name = "give the run's table its name back, then try again; if this is the run's table after a restore, \
                pass `--accept-table t`";
    vec![
        other(
            IdentityRefused::Elsewhere(table()),
            "table t is now b.t, and run r1 worked on a.t, which is still there",
            "set `search_path` (of the database URL or the role) as it was, or name the schema in the plan",
        ),
        other(
            IdentityRefused::RowKey(OtherTable { was: s("id integer"), now: s("id text"), ..table() }),
            "table t is not the one that run r1 worked on: its row key is (id text), and was (id integer)",
            name,
        ),
        other(
            IdentityRefused::OtherCells { table: table(), looked: 9, stand: 1 },
            "table t is not the one that run r1 worked on: it holds 1 of 9 cells that the run wrote (now b.t, \
             recorded as a.t)",
            name,
        ),
        other(
            IdentityRefused::NothingKept(table()),
            "table t may not be the one that run r1 worked on, and the run kept no old cells to compare it by (now b.t, \
             recorded as a.t)",
            name,
        ),
    ]
}
