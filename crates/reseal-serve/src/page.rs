//! The status page: what fires, what fired, and the runs. Made on the server, without a script.

use std::time::Duration;

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, Value, context};
use reseal_store::{RunRow, StoreError};

use crate::key_times::KeyTimes;
use crate::metrics::is_enabled;
use crate::{Served, State, ledger};

/// How many firings and runs of a plan are shown.
const MOST: u64 = 20;
/// How long a plan's database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// The page.
pub(crate) async fn html(state: &State) -> String {
    let mut plans = Vec::new();
    for served in &state.setup.plans.all() {
        plans.push(plan(state, served).await);
    }
    rendered(context! { trouble => state.health_problem(), plans })
}

/// All that is filled in is escaped: it is what databases and people wrote.
fn rendered(values: Value) -> String {
    let mut pages = Environment::new();
    pages.set_auto_escape_callback(|_| AutoEscape::Html);
    pages.render_str(include_str!("page.html"), values).unwrap_or_else(|error| {
        tracing::error!("cannot render the status page: {error}");
        "<!doctype html><title>Reseal</title><p>The page could not be rendered. See the log for the reason."
            .to_owned()
    })
}

async fn plan(state: &State, served: &Served) -> Value {
    let schedule = schedule(state, served).await;
    let runs = match tokio::time::timeout(PATIENCE, ledger::runs(served, MOST)).await {
        Ok(runs) => runs.map_err(|error| format!("The plan's database: {error}")),
        Err(_) => Err("The plan's database does not respond.".to_owned()),
    };
    context! {
        name => &served.plan.name,
        path => served.path.display().to_string(),
        schedule_error => schedule.as_ref().err().map(|error| &error.message),
        schedule => schedule.as_ref().ok(),
        runs_error => runs.as_ref().err(),
        runs => runs.as_deref().ok().map(run_rows),
    }
}

/// Jobs and firings, what is wrong now, and letters that wait or are dead.
async fn schedule(state: &State, served: &Served) -> Result<Value, StoreError> {
    let mut control = state.setup.control.connect().await?;
    let plan = &served.plan.name;
    let known = control.schedules(plan).await?;
    let now = state.setup.clock.now();
    let key_times = KeyTimes::read(&mut control, served).await?;
    let mut jobs = Vec::new();
    for job in &served.schedule.jobs {
        let next = key_times.next(&mut control, served, job, now).await?;
        let next = match is_enabled(served, &known, &job.name) {
            true => next.map_or("never".to_owned(), |slot| shown(slot.as_millisecond(), served)),
            false => "disabled".to_owned(),
        };
        jobs.push([job.name.clone(), job.timing.to_string(), job.action.name().to_owned(), next]);
    }
    let letters = control.letter_counts(Some(plan)).await?;
    let alerts = control.alerts(plan).await?.into_iter();
    let firings = control.firings(plan, MOST).await?.into_iter().map(|firing| {
        let outcome = firing.outcome.unwrap_or_default();
        [shown(firing.slot, served), firing.job, firing.state.name().to_owned(), outcome]
    });
    Ok(context! {
        waiting => letters.waiting,
        dead => letters.dead,
        alerts => alerts.map(|alert| [alert.kind, alert.cause, shown(alert.since, served)]).collect::<Vec<_>>(),
        jobs => jobs,
        firings => firings.collect::<Vec<_>>(),
    })
}

fn run_rows(runs: &[RunRow]) -> Vec<[String; 5]> {
    let row = |run: &RunRow| {
        let reason = run.reason.clone().unwrap_or_default();
        let (rotated, quarantined) = (run.counts.cells_rotated, run.counts.cells_quarantined);
        [run.id.clone(), run.state.to_string(), reason, rotated.to_string(), quarantined.to_string()]
    };
    runs.iter().map(row).collect()
}

/// A slot for people.
fn shown(slot_ms: i64, served: &Served) -> String {
    let slot = Timestamp::from_millisecond(slot_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    slot.to_zoned(served.schedule.zone.clone()).strftime("%a %F %H:%M %Z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_says_cannot_become_markup() {
        let runs = [["<script>&\""]];
        let made = rendered(context! { plans => [context! { name => "<b>", schedule_error => "x", runs }] });
        assert!(made.contains("<tr><td>&lt;script&gt;&amp;&quot;</table>"), "{made}");
        assert!(made.contains("<h2>&lt;b&gt;</h2>"), "{made}");
    }
}
