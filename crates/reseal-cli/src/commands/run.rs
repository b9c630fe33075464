//! `reseal run` and `reseal resume`.

use std::path::Path;
use std::sync::Arc;

use jiff::{Timestamp, Zoned, civil::Time};
use reseal_core::RunState;
use reseal_engine::{Environment, NoObserver, Report, RunObserver, RunOptions, Scope};
use reseal_notify::{Attempt, Refusal};
use reseal_plan::{KeysetSpec, Plan, PrimarySpec};
use reseal_registry::Overrides;
use reseal_store::AskedPace;
use reseal_store::RunRow;

use crate::args::RunArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN, STOPPED};
use crate::output::{cells, duration, number};
use crate::signals;
use crate::view::View;
use reseal_app::notices::{self, Watch};
use reseal_app::{Failure, operator};
use reseal_app::{control, open, trail};

/// Rotates, or goes on with a run that is not over.
pub(crate) async fn run(args: &RunArgs) -> Outcome {
    let overrides = Overrides {
        primary: args.primary.clone(),
        batch_rows: args.batch_rows.map(|n| n as usize),
        workers: args.workers.map(|n| n as usize),
        emergency: args.emergency,
    };
    let options = RunOptions {
        scope: args.scope.scope(),
        operator: operator(),
        dry_run: args.dry_run,
        accept_outage: args.accept_outage,
        emergency: args.emergency,
        until: args.until.as_deref().map(until).transpose()?,
        pace: AskedPace { workers: args.workers.map(u64::from), batch_rows: args.batch_rows.map(u64::from) },
    };
    carry_out(&args.plan, &overrides, &options, args.scheduled).await
}

/// Goes on with the plan's latest run, in its own scope.
pub(crate) async fn resume(plan: &Path, accept_outage: bool) -> Outcome {
    let (spec, _, _, row) = open::latest(plan, None).await?;
    if row.state.is_over() {
        let message = format!("run {} is {}: there is nothing to go on with", row.id, row.state);
        return Err(Failure::usage("run-over", message, "start a new one with `reseal run`"));
    }
    let overrides =
        Overrides { emergency: row.emergency, primary: primary_of(&spec, &row), ..Overrides::default() };
    let scope = Scope::from_json(&row.scope);
    let options = RunOptions {
        scope,
        operator: operator(),
        accept_outage,
        emergency: row.emergency,
        ..RunOptions::default()
    };
    carry_out(plan, &overrides, &options, false).await
}

/// The primary that a run was begun with where the plan's own is another: `--primary` has to be said once.
fn primary_of(plan: &Plan, run: &RunRow) -> Option<String> {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).ok()?;
    let differs = |keyset: &&KeysetSpec| match &keyset.primary {
        PrimarySpec::Id(id) => noted[&keyset.name]["primary"] != id.as_str(),
        // Another keyset may have a key of the same id, and a primary of its own.
        PrimarySpec::Source(_) => plan.keysets.len() == 1,
        PrimarySpec::None => false,
    };
    let keyset = plan.keysets.iter().find(differs)?;
    noted[&keyset.name]["primary"].as_str().map(str::to_owned)
}

async fn carry_out(plan: &Path, overrides: &Overrides, options: &RunOptions, scheduled: bool) -> Outcome {
    let opened = open::job_for_run(plan, overrides).await?;
    let options = &RunOptions { scope: open::scoped(&opened.plan, &options.scope), ..options.clone() };
    let observer: Arc<dyn RunObserver> = match options.dry_run {
        true => Arc::new(NoObserver),
        false => {
            let control = control::database()?;
            let (plan, job, database) = (&opened.plan, &opened.job, &opened.database);
            let allowed = reseal_custody::before_run(plan, job, database, &control, options).await;
            let refusal = allowed.as_ref().err();
            let refusal = refusal.map(|error| Refusal { code: error.code, message: &error.message });
            let operator = options.operator.as_str();
            notices::gate(plan, Attempt { action: "run", operator, scheduled, refusal }).await;
            match allowed {
                Ok(observer) => observer,
                Err(error) if scheduled && trail::has_refused(plan, error.code, &error.message).await => {
                    return Err(error.into());
                }
                Err(error) if scheduled => return Err(trail::refused_unattended(plan, error.into()).await),
                Err(error) => return Err(trail::refused("run", plan, error.into()).await),
            }
        }
    };
    let environment = Environment::new(opened.database.clone()).followed_by(observer);
    signals::watch(&environment.stop);
    let watch = match options.dry_run {
        true => None,
        false => Watch::start(&opened.plan, &opened.database, &environment.progress).await,
    };
    let view = View::start(&environment.progress);
    let report = reseal_engine::run(&opened.job, options, &environment).await;
    drop(view);
    if let Some(watch) = watch {
        watch.end().await;
    }
    let report = match report {
        Ok(report) => report,
        Err(error) if options.dry_run => return Err(error.into()),
        Err(error) => return Err(trail::refused("run", &opened.plan, error.into()).await),
    };
    if !options.dry_run {
        trail::sign().await;
    }
    let code = if report.stopped {
        STOPPED
    } else if report.cells_remain() || report.steps_failed {
        REMAIN
    } else {
        CLEAN
    };
    Ok(Done::new(code, report.json(), tell(&report, plan)))
}

/// The report as people read it.
pub(crate) fn tell(report: &Report, plan: &Path) -> String {
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
