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
use crate::output::{cells, duration, number};

/// Rotates, or resumes a run that is not over.
pub(crate) async fn run(caller: &Caller, args: &RunArgs) -> Outcome {
    let request = RunRequest {
        plan: args.plan.clone(),
        scope: args.scope.scope(),
        primary: args.primary.clone(),
        pace: AskedPace { workers: args.workers.map(u64::from), batch_rows: args.batch_rows.map(u64::from) },
        emergency: args.emergency,
        dry_run: args.dry_run,
        until: args.until.as_deref().map(until).transpose()?,
        accepted: args.accept.accepted(),
        scheduled: args.scheduled,
    };
    Ok(done(&reseal_app::run::run(caller, &request).await?, &args.plan))
}

/// Resumes the plan's latest run with what it was started with.
pub(crate) async fn resume(caller: &Caller, args: &ResumeArgs) -> Outcome {
    let plan = args.plan.as_path();
    let request = ResumeRequest { plan: plan.to_owned(), accepted: args.accept.accepted() };
    Ok(done(&reseal_app::run::resume(caller, &request).await?, plan))
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
        lines.push(format!("{} is {}{reason}", report.plan, report.state));
        lines.push(format!("  run {}", report.run_id));
        lines.push(format!(
            "  {} rows, {} rotated",
            number(counts.rows_scanned),
            cells(counts.cells_rotated)
        ));
    }
    let unmoved =
        if report.dry_run { "could not be opened" } else { "in quarantine: not opened, or refused" };
    let more = [
        (counts.cells_current, "under the primary already"),
        (counts.cells_null, "NULL"),
        (counts.cells_raced, "changed by another writer meanwhile, and taken again"),
        (counts.cells_quarantined, unmoved),
        (if report.dry_run { 0 } else { report.cells_old }, "under an old key"),
    ];
    lines.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("  {} {what}", cells(*n))));
    let shared = report.shared_nonces.iter();
    lines
        .extend(shared.map(|shared| format!("  one nonce for several cells, as the plan accepts: {shared}")));
    lines.push(format!("  {}", duration(report.seconds)));
    if let Some(estimate) = report.estimate_seconds {
        lines.push(format!("  a run would take about {}", duration(estimate)));
    }
    lines.extend(next(report, &plan.to_string()));
    lines.join("\n")
}

/// What to do next.
fn next(report: &Report, plan: &str) -> Option<String> {
    if report.state == RunState::Cancelled {
        return Some(format!(
            "next: `reseal run {plan}` begins anew; `reseal rollback {plan} --confirm {}` puts back what was rotated",
            report.plan
        ));
    }
    if report.stopped && !report.dry_run {
        // Unlike `run`, it needs nothing said again: scope, `--primary` and `--emergency` are those of the run.
        return Some(format!("next: `reseal resume {plan}` goes on where it stopped"));
    }
    if report.steps_failed {
        return Some(format!(
            "next: put it right, then `reseal run {plan}` tries the steps again that are left"
        ));
    }
    if report.counts.rows_scanned == 0 && !report.scope["tenant"].is_null() {
        return Some("next: no row is of that tenant; check --tenant against the column".to_owned());
    }
    if !report.cells_remain() {
        return None;
    }
    Some(match report.counts.cells_quarantined {
        _ if report.dry_run => {
            "next: mend the cells that do not open, or expect them in quarantine".to_owned()
        }
        0 => format!("next: let every writer seal with the new key, then `reseal run {plan}`"),
        _ => format!("next: `reseal quarantine {plan}` lists them; `reseal run {plan}` tries again"),
    })
}

/// The time of `--until`: a moment, or the next time that the clock on the wall shows it.
fn until(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        let past =
            || Failure::usage("until", format!("--until {text}: that time is past"), "give one to come");
        return (moment > Timestamp::now()).then_some(moment).ok_or_else(past);
    }
    let bad = || {
        Failure::usage("until", format!("--until {text}: not a time"), "2026-01-31T06:00:00+01:00, or 06:00")
    };
    let time: Time = Time::strptime("%H:%M", text).map_err(|_| bad())?;
    let now = Zoned::now();
    let today = now.with().time(time).build().map_err(|_| bad())?;
    let then = if today > now { today } else { today.tomorrow().map_err(|_| bad())? };
    Ok(then.timestamp())
}
