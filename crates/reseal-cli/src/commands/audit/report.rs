//! `reseal audit report`: what the trail shows of a time, for those who audit.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use reseal_control::ControlSession;
use reseal_core::audit::{Trail, Verdict};
use reseal_plan::Plan;
use reseal_store::RunRow;

use crate::args::ReportArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use reseal_app::Failure;
use reseal_app::audit::{Against, PAGE, checkpoints, connect, entries, of_database};
use reseal_app::report::{Ledger, Subject, page, report as document};
use reseal_app::{open, trail};

/// The most runs of a ledger that are held against the trail.
const RUNS: u64 = 100_000;
/// How long a plan's database may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Writes the report: a page to `--out` or stdout; with `--json` the document goes to stdout.
pub(super) async fn report(args: &ReportArgs) -> Outcome {
    let range = (moment(&args.from, "from", false)?, moment(&args.to, "to", true)?);
    if range.0 >= range.1 {
        return Err(Failure::usage("audit-range", "--to lies before --from", "give the earlier day first"));
    }
    let (mut plans, mut ledgers) = (Vec::new(), Vec::new());
    for path in &args.plans {
        let plan = open::plan(path)?;
        let days = plan.policy.max_key_age.map(|age| age.as_secs() / 86_400);
        ledgers.push(ledger(&plan).await);
        plans.push((plan.name, days));
    }
    let mut session = connect().await?;
    let verdict = of_database(&mut session, &Against::nothing()).await?;
    let entries = legible(&mut session, &verdict).await?;
    let subject = Subject { plans, ledgers, standard: args.standard.into(), range, now: trail::now_ms() };
    let found = document(&entries, &verdict, &subject);
    let page = page(&found).map_err(|error| Failure::failed("report", error.to_string()))?;
    // A report about a broken trail is written all the same, and says so at its head.
    let code = if verdict.fault.is_some() { REMAIN } else { CLEAN };
    let Some(path) = &args.out else { return Ok(Done::new(code, found, page)) };
    let shown = path.display();
    let mut found = found;
    found["report"] = shown.to_string().into();
    std::fs::write(path, page)
        .map_err(|error| Failure::failed("file", format!("{shown}: {}", error.kind())))?;
    let told = match &verdict.fault {
        None => format!("{shown} holds the report"),
        Some(fault) => format!("{shown} holds the report; the trail is broken: {}", fault.message),
    };
    Ok(Done::new(code, found, told))
}

/// The runs of a plan that did something, as the ledger beside its data has them.
async fn ledger(plan: &Plan) -> Ledger {
    let read = async {
        let mut session = open::database(plan).await?.connect().await?;
        if session.version().await?.is_none() {
            return Ok(Vec::new());
        }
        let runs = session.runs(Some(&plan.name), RUNS).await?;
        // A run that the trail took no beginning of was refused, and did nothing.
        let did = |run: &RunRow| run.counts.rows_scanned > 0 || run.completed_at.is_some();
        Ok::<_, Failure>(runs.into_iter().filter(did).map(|run| (run.id, run.created_at)).collect())
    };
    let runs = match tokio::time::timeout(PATIENCE, read).await {
        Ok(read) => read.map_err(|failure| failure.message),
        Err(_) => Err("the plan's database does not answer".to_owned()),
    };
    Ledger { plan: plan.name.clone(), runs }
}

/// The events up to the first that is bad.
async fn legible(
    session: &mut ControlSession,
    verdict: &Verdict,
) -> Result<Vec<reseal_core::audit::Entry>, Failure> {
    if verdict.fault.is_none() {
        return entries(session).await;
    }
    let (checkpoints, _) = checkpoints(session).await?;
    let mut trail = Trail::new(&checkpoints, &[], &[]);
    let (mut sound, mut last) = (Vec::new(), i64::MIN);
    loop {
        let page = session.trail_after(last, PAGE).await?;
        let Some(end) = page.last() else { return Ok(sound) };
        last = end.sequence;
        for recorded in page {
            if !trail.take(recorded.sequence, recorded.entry.clone()) {
                return Ok(sound);
            }
            sound.extend(recorded.entry);
        }
    }
}

/// A day in UTC, or a moment; the end of a range is the end of its day.
fn moment(text: &str, name: &str, end: bool) -> Result<i64, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let bad = || {
        Failure::usage(
            "audit-range",
            format!("--{name} {text}: not a day"),
            "2026-01-31, or 2026-01-31T06:00:00Z",
        )
    };
    let day: Date = text.parse().map_err(|_| bad())?;
    let day = if end { day.checked_add(1.day()).map_err(|_| bad())? } else { day };
    let start = day.to_zoned(TimeZone::UTC).map_err(|_| bad())?;
    Ok(start.timestamp().as_millisecond())
}
