//! The status page: what fires, what fired, and the runs. Made on the server, without a script.

use std::fmt::Write as _;
use std::time::Duration;

use reseal_control::ControlSession;
use reseal_store::{Database, RunRow, StoreError};

use crate::metrics::{is_enabled, shown};
use crate::{Served, State};

/// How many firings and runs of a plan are shown.
const MOST: u64 = 20;
/// How long a plan's database may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;\
background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #d0d7de;vertical-align:top}th{font-weight:600}.bad{color:#b3261e}td:last-child{overflow-wrap:anywhere}code{font-size:.9em}h2{margin-top:2rem}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}.bad{color:#ff8a80}}";

/// The page.
pub(crate) async fn html(state: &State) -> String {
    let mut body = String::new();
    if let Some(trouble) = state.trouble() {
        let _ = write!(body, "<p class=bad>{}</p>", escaped(&trouble));
    }
    for served in &state.setup.plans {
        let _ = write!(body, "<h2>{}</h2>", escaped(&served.plan.name));
        match schedule(state, served).await {
            Ok(tables) => body += &tables,
            Err(error) => {
                let _ = write!(body, "<p class=bad>The control database: {}</p>", escaped(&error.message));
            }
        }
        body += &match tokio::time::timeout(PATIENCE, runs(served)).await {
            Ok(Ok(runs)) => run_table(&runs),
            Ok(Err(error)) => format!("<p class=bad>Its database: {}</p>", escaped(&error)),
            Err(_) => "<p class=bad>Its database does not answer.</p>".to_owned(),
        };
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <meta http-equiv=refresh content=60><title>Reseal</title><style>{STYLE}</style><h1>Reseal</h1>{body}"
    )
}

async fn schedule(state: &State, served: &Served) -> Result<String, StoreError> {
    let mut control = state.setup.control.connect().await?;
    let known = control.schedules(&served.plan.name).await?;
    let now = state.setup.clock.now();
    let jobs = served.schedule.jobs.iter().map(|job| {
        let next = reseal_schedule::slots(&job.timing, &served.schedule.zone, now).next();
        let next = match is_enabled(served, &known, &job.name) {
            true => next.map_or("never".to_owned(), |slot| shown(slot.as_millisecond(), served)),
            false => "disabled".to_owned(),
        };
        vec![job.name.clone(), job.timing.to_string(), job.action.name().to_owned(), next]
    });
    let mut out = troubles(served, &mut control).await?;
    out += &table(&["Job", "When", "Does", "Next"], jobs.collect());
    let firings = control.firings(&served.plan.name, MOST).await?.into_iter().map(|firing| {
        let outcome = firing.outcome.unwrap_or_default();
        vec![shown(firing.slot, served), firing.job, firing.state.name().to_owned(), outcome]
    });
    out += &table(&["Slot", "Job", "State", "What came of it"], firings.collect());
    Ok(out)
}

/// What is wrong now, and letters that wait or were given up.
async fn troubles(served: &Served, control: &mut ControlSession) -> Result<String, StoreError> {
    let mut out = String::new();
    let letters = control.letter_counts(Some(&served.plan.name)).await?;
    if letters.waiting + letters.dead > 0 {
        let class = if letters.dead > 0 { " class=bad" } else { "" };
        let plan = escaped(&served.path.display().to_string());
        let _ = write!(
            out,
            "<p{class}>Notices: {} waiting, {} given up. <code>reseal notify list {plan}</code> says why.</p>",
            letters.waiting, letters.dead
        );
    }
    let alerts = control.alerts(&served.plan.name).await?.into_iter();
    let alerts = alerts.map(|alert| vec![alert.kind, alert.cause, shown(alert.since, served)]);
    Ok(out + &table(&["Alert", "Cause", "Since"], alerts.collect()))
}

async fn runs(served: &Served) -> Result<Vec<RunRow>, String> {
    let url = reseal_registry::database(&served.plan).await.map_err(|error| error.message)?;
    let database = Database::parse(&url).map_err(|error| error.message)?;
    let mut session = database.connect().await.map_err(|error| error.message)?;
    if session.version().await.map_err(|error| error.message)?.is_none() {
        return Ok(Vec::new());
    }
    session.runs(Some(&served.plan.name), MOST).await.map_err(|error| error.message)
}

fn run_table(runs: &[RunRow]) -> String {
    let rows = runs.iter().map(|run| {
        vec![
            run.id.clone(),
            run.state.to_string(),
            run.reason.clone().unwrap_or_default(),
            run.counts.cells_rotated.to_string(),
            run.counts.cells_quarantined.to_string(),
        ]
    });
    table(&["Run", "State", "Why", "Cells rotated", "In quarantine"], rows.collect())
}

fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = String::from("<table><tr>");
    for cell in header {
        let _ = write!(out, "<th>{cell}");
    }
    for row in rows {
        out += "<tr>";
        for cell in &row {
            let _ = write!(out, "<td>{}", escaped(cell));
        }
    }
    out + "</table>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_database_says_cannot_become_markup() {
        let made = table(&["A"], vec![vec!["<script>&\"".into()]]);
        assert_eq!(made, "<table><tr><th>A<tr><td>&lt;script&gt;&amp;&quot;</table>");
    }
}
