//! Which notices a run gives in which state, and when something is wrong.

use reseal_store::{Counts, Holder};

use super::*;

const MINUTE: i64 = 60_000;

fn run(state: RunState) -> RunRow {
    RunRow {
        id: "run-1".into(),
        plan: "clinic".into(),
        plan_digest: String::new(),
        scope: "{}".into(),
        whole: true,
        primaries: r#"{"phi":{"primary":"v3","keys":{"v1":"ab","v2":"cd","v3":"ef"}},"old":{"primary":null,"keys":{"x":"01"}}}"#.into(),
        operator: "ops".into(),
        emergency: false,
        state,
        reason: Some("because".into()),
        epoch: 2,
        holder: Holder::decode("x"),
        lease_left_ms: 1,
        round: 1,
        cells_old: 0,
        created_at: 1_767_225_600_000,
        updated_at: 1_767_225_600_000,
        completed_at: Some(1_767_225_600_000 + 724_000),
        counts: Counts {
            rows_total: 1_000,
            rows_scanned: 500,
            cells_rotated: 1_204_331,
            ..Counts::default()
        },
    }
}

#[test]
fn each_state_tells_what_it_should() {
    let told = |state, cells_old| {
        let notices = notices(&RunRow { cells_old, ..run(state) }, None);
        notices.into_iter().map(|notice| (notice.kind.name(), notice.slot)).collect::<Vec<_>>()
    };
    let one = |kind, slot: &str| vec![(kind, slot.to_owned())];
    let both = |kind, slot: &str| [one("started", "started"), one(kind, slot)].concat();
    assert_eq!(told(RunState::Prepared, 0), []);
    assert_eq!(told(RunState::Running, 0), one("started", "started"));
    assert_eq!(told(RunState::Paused, 0), one("started", "started"));
    assert_eq!(told(RunState::Paused, 3), both("failed", "remain 2"));
    assert_eq!(told(RunState::Failed, 0), both("failed", "failed 2"));
    assert_eq!(told(RunState::Complete, 0), both("finished", "finished"));
    assert_eq!(told(RunState::ScopeDone, 0), both("finished", "finished"));
    for state in [RunState::Cancelled, RunState::RollingBack, RunState::RolledBack] {
        assert_eq!(told(state, 0), []);
    }
}

#[test]
fn the_table_of_a_finished_run_is_complete() {
    let day = Duration::from_secs(86_400);
    let finished = notices(&run(RunState::Complete), Some(day)).remove(1);
    let field = |name| finished.field(name).unwrap_or_default();
    assert_eq!(
        ["old_keys", "new_key", "cells", "duration", "ended", "next_due"].map(field),
        [
            "phi: v1, phi: v2",
            "phi: v3",
            "1,204,331",
            "12 min 4 s",
            "2026-01-01T00:12:04Z",
            "2026-01-02T00:12:04Z"
        ]
    );
}

fn notify(event: NoticeKind, minutes: u64, percent: Option<u32>) -> NotifySpec {
    let time = Some(Duration::from_secs(minutes * 60));
    let event = reseal_plan::EventSpec { event: event.event().into(), to: vec![], time, percent };
    NotifySpec { on: vec![event], ..NotifySpec::default() }
}

fn holds(run: &RunRow, kind: NoticeKind, notify: &NotifySpec, minutes: i64, still: i64) -> bool {
    let now = run.created_at + minutes * MINUTE;
    let found = findings(run, notify, now, now - still * MINUTE);
    found.into_iter().find(|found| found.notice.kind == kind).unwrap().holds
}

#[test]
fn slow_is_a_matter_of_time_while_it_works() {
    let slow = notify(NoticeKind::Slow, 30, None);
    let check = |run: &RunRow, minutes, expected| {
        assert_eq!(holds(run, NoticeKind::Slow, &slow, minutes, 0), expected, "{:?} {minutes}", run.state);
    };
    check(&run(RunState::Running), 29, false);
    check(&run(RunState::Running), 30, true);
    check(&run(RunState::Complete), 31, false);
    check(&RunRow { lease_left_ms: -1, ..run(RunState::Running) }, 31, false);
}

#[test]
fn no_progress_is_not_a_sweep() {
    let notify = notify(NoticeKind::NoProgress, 15, None);
    let mut run = run(RunState::Running);
    assert!(!holds(&run, NoticeKind::NoProgress, &notify, 60, 14));
    assert!(holds(&run, NoticeKind::NoProgress, &notify, 60, 15));
    run.counts.rows_scanned = run.counts.rows_total;
    assert!(!holds(&run, NoticeKind::NoProgress, &notify, 60, 15));
}

#[test]
fn a_share_of_failed_opens_counts_against_what_was_opened() {
    let notify = notify(NoticeKind::FailedOpens, 0, Some(2));
    let mut run = run(RunState::Running);
    run.counts = Counts { cells_rotated: 990, cells_quarantined: 10, ..Counts::default() };
    assert!(!holds(&run, NoticeKind::FailedOpens, &notify, 0, 0), "1 %");
    assert!(holds(&run, NoticeKind::Quarantined, &notify, 0, 0));
    run.counts.cells_quarantined = 30;
    assert!(holds(&run, NoticeKind::FailedOpens, &notify, 0, 0), "3 %");
    run.counts = Counts::default();
    assert!(!holds(&run, NoticeKind::FailedOpens, &notify, 0, 0), "nothing opened yet");
    assert!(!holds(&run, NoticeKind::Quarantined, &notify, 0, 0));
}
