//! Notices about the ledger's runs: their states, and what may be wrong with them.
//!
//! The ledger lies beside the data and the outbox in the control database, so no transaction holds both. Instead the
//! ledger is polled, and each notice has a name of its own: posted twice, it is there once.

use std::time::Duration;

use reseal_core::quantity::{count, millis, readable};
use reseal_core::{Notice, NoticeKind, RunState};
use reseal_plan::{NotifySpec, Plan};
use reseal_store::RunRow;

/// Runs that are polled: the newest ones. Notices about older ones are out, or nobody was to be notified at their time.
pub(crate) const RUNS: u64 = 20;

/// The notices about a run as it stands, in the order in which their causes came about. A run that was over before the
/// first poll has begun all the same.
pub(crate) fn notices(run: &RunRow, max_key_age: Option<Duration>) -> Vec<Notice> {
    let about = |kind, slot: &str| Notice::new(kind, &run.plan, &run.id, slot).with("run", &run.id);
    match run.state {
        RunState::Running => vec![started(run)],
        RunState::Complete | RunState::ScopeDone => vec![started(run), finished(run, max_key_age)],
        // The epoch tells apart what failed again after it was resumed.
        RunState::Failed => {
            vec![started(run), failed(run, about(NoticeKind::Failed, &format!("failed {}", run.epoch)))]
        }
        RunState::Paused if run.cells_old > 0 => {
            let notice = failed(run, about(NoticeKind::Failed, &format!("remain {}", run.epoch)));
            vec![started(run), notice.with("cells_under_an_old_key", count(run.cells_old))]
        }
        RunState::Paused => vec![started(run)],
        _ => Vec::new(),
    }
}

fn started(run: &RunRow) -> Notice {
    Notice::new(NoticeKind::Started, &run.plan, &run.id, "started")
        .with("run", &run.id)
        .with("new_key", keys(run).0)
        .with("scope", if run.whole { "whole plan" } else { "part of the plan" })
        .with("emergency", if run.emergency { "yes" } else { "no" })
        .with("operator", &run.operator)
        .with("began", time(run.created_at))
}

fn finished(run: &RunRow, max_key_age: Option<Duration>) -> Notice {
    let (new_key, old_keys) = keys(run);
    let ended = run.completed_at.unwrap_or(run.updated_at);
    let finished = Notice::new(NoticeKind::Finished, &run.plan, &run.id, "finished")
        .with("run", &run.id)
        .with("old_keys", old_keys)
        .with("new_key", new_key)
        .with("cells", count(run.counts.cells_rotated))
        .with("rows", count(run.counts.rows_scanned))
        .with("duration", readable(millis(ended - run.created_at)))
        .with("began", time(run.created_at))
        .with("ended", time(ended))
        .with("scope", if run.whole { "whole plan" } else { "part of the plan" })
        .with("operator", &run.operator);
    match max_key_age {
        Some(age) => finished.with("next_due", time(ended.saturating_add(ms(age)))),
        None => finished,
    }
}

fn failed(run: &RunRow, notice: Notice) -> Notice {
    notice
        .with("state", run.state.name())
        .with("reason", run.reason.clone().unwrap_or_default())
        .with("rows", format!("{} of {}", count(run.counts.rows_scanned), count(run.counts.rows_total)))
        .with("cells", count(run.counts.cells_rotated))
        .with("operator", &run.operator)
}

/// Something that may be wrong, and whether it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) notice: Notice,
    pub(crate) holds: bool,
}

/// What is wrong with the newest run, as far as the ledger shows it. `now` is by the ledger's clock, and so is
/// `unchanged_since`: since when its counts have not moved.
pub(crate) fn findings(run: &RunRow, notify: &NotifySpec, now: i64, unchanged_since: i64) -> Vec<Finding> {
    let counts = &run.counts;
    let about = |kind| Notice::new(kind, &run.plan, &run.id, "").with("run", &run.id);
    let of = |kind: NoticeKind| notify.event(kind.event()).and_then(|on| on.time);
    let active = run.state == RunState::Running && run.lease_left_ms > 0;
    let opened = counts.cells_rotated + counts.cells_current + counts.cells_quarantined;
    let resumable = run.state.is_resumable();
    let mut findings = Vec::new();
    let mut find = |holds: bool, notice: Notice| findings.push(Finding { notice, holds });
    find(
        resumable && counts.cells_quarantined > 0,
        about(NoticeKind::Quarantined)
            .with("cells_quarantined", count(counts.cells_quarantined))
            .with("cells", count(counts.cells_rotated)),
    );
    if let Some(limit) = notify.event(NoticeKind::FailedOpens.event()).and_then(|on| on.percent) {
        let share = (counts.cells_quarantined * 100).checked_div(opened).unwrap_or_default();
        find(
            resumable && counts.cells_quarantined > 0 && share >= u64::from(limit),
            about(NoticeKind::FailedOpens)
                .with("share", format!("{share} %"))
                .with("cells_quarantined", count(counts.cells_quarantined))
                .with("limit", format!("{limit} %")),
        );
    }
    if let Some(limit) = of(NoticeKind::Slow) {
        find(
            active && now - run.created_at >= ms(limit),
            about(NoticeKind::Slow)
                .with("running_for", readable(millis(now - run.created_at)))
                .with("expected", readable(limit)),
        );
    }
    if let Some(limit) = of(NoticeKind::NoProgress) {
        // When all rows are through, the sweep reads, and counts nothing until it is over.
        let rotates = counts.rows_scanned < counts.rows_total;
        find(
            active && rotates && now - unchanged_since >= ms(limit),
            about(NoticeKind::NoProgress)
                .with("standing_for", readable(millis(now - unchanged_since)))
                .with("rows", format!("{} of {}", count(counts.rows_scanned), count(counts.rows_total))),
        );
    }
    findings
}

/// The notice that an emergency's deadline is near, when it is. `deadline` is what was set when it began.
pub(crate) fn deadline(run: &RunRow, plan: &Plan, deadline: i64, now: i64) -> Option<Notice> {
    let before = plan.notify.as_ref()?.event(NoticeKind::Deadline.event())?.time?;
    (run.state.is_resumable() && now >= deadline - ms(before)).then(|| {
        Notice::new(NoticeKind::Deadline, &run.plan, &run.id, "deadline")
            .with("run", &run.id)
            .with("deadline", time(deadline))
            .with(
                "left",
                if now < deadline { readable(millis(deadline - now)) } else { "nothing".to_owned() },
            )
            .with("rows", format!("{} of {}", count(run.counts.rows_scanned), count(run.counts.rows_total)))
    })
}

/// What moves while a run gets on.
pub(crate) fn progress_mark(run: &RunRow) -> String {
    let counts = &run.counts;
    format!(
        "{} {} {} {} {} {}",
        run.id,
        run.epoch,
        run.round,
        counts.rows_scanned,
        counts.cells_rotated,
        counts.cells_current + counts.cells_quarantined + counts.cells_raced
    )
}

/// `keyset: key` of what the run seals under, and of its other keys, as it noted them.
fn keys(run: &RunRow) -> (String, String) {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for (keyset, noted) in noted.as_object().into_iter().flatten() {
        let Some(primary) = noted["primary"].as_str() else { continue };
        new.push(format!("{keyset}: {primary}"));
        let others = noted["keys"].as_object().into_iter().flatten().filter(|(id, _)| *id != primary);
        old.extend(others.map(|(id, _)| format!("{keyset}: {id}")));
    }
    (new.join(", "), old.join(", "))
}

pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A moment to the second, from milliseconds since 1970.
pub(crate) fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|time| format!("{time:.0}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
