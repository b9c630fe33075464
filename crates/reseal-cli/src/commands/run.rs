//! `reseal run` and `reseal resume`.

use std::path::Path;

use jiff::{Timestamp, Zoned, civil::Time};
use reseal_app::run::{ResumeRequest, RunRequest};
use reseal_app::{Caller, Failure};
use reseal_core::RunState;
use reseal_engine::Report;
use reseal_store::AskedPace;

use crate::args::{ResumeArgs, RunArgs};
use crate::exit::{CLEAN, Done, Outcome, REMAIN, STOPPED};
use crate::output::{cells, duration, number, state};

/// Rotates, or resumes a run that is not over.
pub(crate) async fn run(caller: &Caller, args: &RunArgs) -> Outcome {
    let plan = args.plan.path()?;
    let request = RunRequest {
        plan: plan.clone(),
        scope: args.scope.scope(),
        primary: args.primary.clone(),
        pace: AskedPace { workers: args.workers.map(u64::from), batch_rows: args.batch_rows.map(u64::from) },
        emergency: args.emergency,
        dry_run: args.dry_run,
        until: args.until.as_deref().map(until).transpose()?,
        accepted: args.accept.accepted(),
        scheduled: args.scheduled,
    };
    Ok(done(&reseal_app::run::run(caller, &request).await?, &plan))
}

/// Resumes the plan's latest run with what it was started with.
pub(crate) async fn resume(caller: &Caller, args: &ResumeArgs) -> Outcome {
    let plan = args.plan.path()?;
    let request = ResumeRequest { plan: plan.clone(), accepted: args.accept.accepted() };
    Ok(done(&reseal_app::run::resume(caller, &request).await?, &plan))
}

fn done(report: &Report, plan: &Path) -> Done {
    let code = if report.stopped {
        STOPPED
    } else if report.cells_remain() || report.steps_failed {
        REMAIN
    } else {
        CLEAN
    };
    Done::new(code, report.json(), text(report, plan))
}

/// The report as people read it.
pub(crate) fn text(report: &Report, plan: &Path) -> String {
    let plan = plan.display();
    let counts = &report.counts;
    let mut lines = Vec::new();
    if report.dry_run {
        lines.push(format!("dry run of {}: nothing was written", report.plan));
        lines.push(format!("  {} rows, {} to rotate", number(counts.rows_scanned), cells(report.cells_old)));
    } else {
        let reason = report.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        lines.push(format!("{} is {}{reason}", report.plan, state(report.state)));
        lines.push(format!("  run {}", report.run_id));
        lines.push(format!(
            "  {} rows, {} rotated",
            number(counts.rows_scanned),
            cells(counts.cells_rotated)
        ));
    }
    let unmoved =
        if report.dry_run { "could not be opened" } else { "in quarantine, not opened or not written" };
    let more = [
        (counts.cells_current, "already under the primary key"),
        (counts.cells_null, "NULL"),
        (counts.cells_raced, "changed by the application during the run and retried"),
        (counts.cells_quarantined, unmoved),
        (if report.dry_run { 0 } else { report.cells_old }, "under an old key"),
    ];
    lines.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("  {} {what}", cells(*n))));
    let shared = report.shared_nonces.iter();
    lines.extend(
        shared.map(|shared| format!("  one nonce for several cells, as accepted by the plan: {shared}")),
    );
    lines.push(format!("  {}", duration(report.seconds)));
    if let Some(estimate) = report.estimate_seconds {
        lines.push(format!("  estimated time of a run: {}", duration(estimate)));
    }
    lines.extend(next(report, &plan.to_string()));
    lines.join("\n")
}

/// What to do next.
fn next(report: &Report, plan: &str) -> Option<String> {
    if report.state == RunState::Cancelled {
        return Some(format!(
            "next: start over with `reseal run {plan}`, or restore the rotated cells with `reseal rollback {plan} \
             --confirm {}`",
            report.plan
        ));
    }
    if report.stopped && !report.dry_run {
        // Unlike `run`, it needs nothing said again: scope, `--primary` and `--emergency` are those of the run.
        return Some(format!("next: resume with `reseal resume {plan}`"));
    }
    if report.steps_failed {
        return Some(format!("next: fix the cause, then retry the remaining steps with `reseal run {plan}`"));
    }
    if report.counts.rows_scanned == 0 && !report.scope["tenant"].is_null() {
        return Some("next: no row belongs to this tenant; check the value of `--tenant`".to_owned());
    }
    Some(match (report.cells_remain(), report.dry_run) {
        (false, true) => format!("next: rotate with `reseal run {plan}`"),
        (true, true) => {
            "next: repair the cells that do not open; otherwise a run leaves them in quarantine".to_owned()
        }
        (false, false) => after_the_end(report, plan),
        // `resume` keeps the run's scope and `--primary`.
        (true, false) if report.counts.cells_quarantined == 0 => {
            format!("next: make every writer seal with the new key, then run `reseal resume {plan}`")
        }
        (true, false) => {
            let writers = match report.cells_old {
                0 => "",
                _ => "next: make every writer seal with the new key\n",
            };
            format!(
                "{writers}next: list cells in quarantine with `reseal quarantine {plan}`, then run `reseal resume {plan}`"
            )
        }
    })
}

/// What is left to do when every cell is under the new key.
fn after_the_end(report: &Report, plan: &str) -> String {
    match report.state {
        RunState::Complete => format!(
            "next: when no application needs the old key any more, delete the old cells with `reseal undo drop {plan} \
             --confirm {}` and retire the key with `reseal keys retire {plan} KEY`",
            report.plan
        ),
        _ => format!("next: rotate the rest of the plan with `reseal run {plan}`"),
    }
}

/// The time of `--until`: a moment, or the next time that the clock on the wall shows it.
fn until(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        let past = || {
            Failure::usage("until", format!("`--until {text}` is in the past"), "pass a time in the future")
        };
        return (moment > Timestamp::now()).then_some(moment).ok_or_else(past);
    }
    let bad = || {
        Failure::usage(
            "until",
            format!("`--until {text}` is not a time"),
            "pass a value such as 2026-01-31T06:00:00+01:00 or 06:00",
        )
    };
    let time: Time = Time::strptime("%H:%M", text).map_err(|_| bad())?;
    let now = Zoned::now();
    let today = now.with().time(time).build().map_err(|_| bad())?;
    let then = if today > now { today } else { today.tomorrow().map_err(|_| bad())? };
    Ok(then.timestamp())
}
