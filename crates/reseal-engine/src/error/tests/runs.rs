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
    let held = "column `t.c` is held by run r1 of plan `p` (paused, last process: db1, process 7)";
    let run = || s("r1");
    vec![
        busy(
            Busy::Column { column: s("t.c"), by: by(Some(known)) },
            "column-held",
            held,
            "wait until that run is done, or pass the file of its plan to `reseal resume` or `reseal cancel`",
        ),
        busy(
            Busy::Column { column: s("t.c"), by: by(None) },
            "column-held",
            "column `t.c` is held by run r1",
            "wait until that run is done, or pass the file of its plan to `reseal resume` or `reseal cancel`",
        ),
        busy(
            Busy::Run { run: run(), holder: s("db1, process 7") },
            "run-held",
            "another process is working on run r1: db1, process 7",
            "wait until it is done; see `reseal status PLAN`",
        ),
        busy(
            Busy::AtWork { run: run() },
            "run-held",
            "run r1 is in progress",
            "pause it first with `reseal pause PLAN`",
        ),
        busy(
            Busy::KeepsUndo { run: run() },
            "run-held",
            "run r1 is in progress",
            "wait until it is done; see `reseal status PLAN`",
        ),
        busy(
            Busy::MovedOn { run: run() },
            "run-held",
            "the state of run r1 has changed",
            "check it with `reseal status PLAN`",
        ),
        busy(
            Busy::LastSteps { run: run() },
            "run-held",
            "another process is running the final steps of run r1",
            "wait until it is done",
        ),
    ]
}

pub(super) fn of_the_application() -> Vec<Case> {
    let busy = |error: Busy, code, message, help| case(error, Stopped, code, message, help);
    vec![
        busy(
            Busy::RowsLocked { table: s("t") },
            "database-busy",
            "rows of table `t` remain locked by other transactions",
            "run the same command again to resume",
        ),
        busy(
            Busy::Raced { table: s("t") },
            "raced",
            "the application changes rows of table `t` faster than they can be rotated",
            "run again at a time with fewer writes",
        ),
        busy(
            Busy::RacedBack { table: s("t") },
            "raced",
            "the application changes rows of table `t` faster than they can be restored",
            "run `reseal rollback` again at a time with fewer writes",
        ),
        busy(
            Busy::WindowClosed,
            "window",
            "the current time is outside the plan's windows",
            "wait for the next window, or change `windows:` in the plan",
        ),
        busy(
            Busy::UntilPassed,
            "until",
            "the time given by `--until` is reached",
            "pass a later time or omit `--until`; nothing was written",
        ),
        busy(
            Busy::RollbackStopped(Stop::Interrupted),
            "interrupted",
            "interrupted",
            "run `reseal rollback` again to resume",
        ),
        case(
            RunError::Superseded,
            Stopped,
            "superseded",
            "another process has taken over this run",
            "let it finish; `reseal status PLAN` shows which process holds the run",
        ),
    ]
}

pub(super) fn of_earlier_runs() -> Vec<Case> {
    let (run, state) = (|| s("r1"), RunState::Failed);
    let cancel = "undo the change, or cancel the run with `reseal cancel PLAN`";
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
            "the plan has changed since run r1 started, and that run is failed",
            cancel,
        ),
        resume(
            ResumeRefused::ScopeChanged { run: run(), state, scope: s("{}") },
            "scope-changed",
            "run r1 is failed with a different scope: {}",
            "resume it with `reseal resume PLAN`, or cancel it with `reseal cancel PLAN`",
        ),
        resume(
            ResumeRefused::KeysChanged { run: run() },
            "keys-changed",
            "the keys differ from those that run r1 started with",
            cancel,
        ),
    ]
}

pub(super) fn of_rollbacks() -> Vec<Case> {
    let run = || s("r1");
    let back = |error: RollbackRefused, class, code, message, help| case(error, class, code, message, help);
    vec![
        back(
            RollbackRefused::NoRun { plan: s("p"), last: None },
            Usage,
            "no-run",
            "plan `p` has no run to roll back",
            "list runs with `reseal runs PLAN`",
        ),
        back(
            RollbackRefused::NoRun { plan: s("p"), last: Some(run()) },
            Usage,
            "no-run",
            "plan `p` has no run to roll back: run r1 is already rolled back",
            "list runs with `reseal runs PLAN`",
        ),
        back(
            RollbackRefused::NotNewest { newest: s("r2"), asked: run() },
            Refused,
            "not-newest",
            "run r2 is newer than run r1",
            "only the latest run can be rolled back; roll that one back first",
        ),
        back(
            RollbackRefused::NoSuchRun { asked: run() },
            Usage,
            "no-such-run",
            "run r1 does not exist",
            "list the runs with `reseal runs`",
        ),
        back(
            RollbackRefused::PlanChanged { run: run() },
            Refused,
            "plan-changed",
            "the plan has changed since run r1 started",
            "restore the plan as it was for that run",
        ),
        back(
            RollbackRefused::PlaintextInLog { settings: s("log_statement = all") },
            Refused,
            "plaintext-in-log",
            "the rollback would send plaintext, which the server would log: log_statement = all",
            "turn off these settings during the rollback, or pass `--accept-plaintext-in-log`, which the audit trail records",
        ),
    ]
}

pub(super) fn of_other_tables() -> Vec<Case> {
    let table = || OtherTable { table: s("t"), run: s("r1"), was: s("a.t"), now: s("b.t") };
    let other = |error: IdentityRefused, message, help| case(error, Refused, "other-table", message, help);
    let name = "rename the run's table back and try again; if this is the run's table after a database \
                restore, pass `--accept-table t`";
    vec![
        other(
            IdentityRefused::Elsewhere(table()),
            "table `t` is now b.t, but run r1 worked on a.t, which still exists",
            "restore the previous `search_path` (of the database URL or the role), or name the schema in the \
             plan",
        ),
        other(
            IdentityRefused::RowKey(OtherTable { was: s("id integer"), now: s("id text"), ..table() }),
            "table `t` is not the one that run r1 worked on: its row key is (id text), but was (id integer)",
            name,
        ),
        other(
            IdentityRefused::OtherCells { table: table(), looked: 9, stand: 1 },
            "table `t` is not the one that run r1 worked on: it has only 1 of 9 cells that the run wrote \
             (now b.t, recorded as a.t)",
            name,
        ),
        other(
            IdentityRefused::NothingKept(table()),
            "table `t` may not be the one that run r1 worked on, and the run kept no old cells to compare \
             (now b.t, recorded as a.t)",
            name,
        ),
    ]
}
