//! `audit report`: what the trail shows of a time, for those who audit.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use reseal_control::ControlSession;
use reseal_core::audit::{Entry, Fault, Line, Trail, Verdict};
use reseal_plan::{Plan, Standard};
use reseal_store::RunRow;
use serde_json::Value;

use super::document::{self, Ledger, Subject};
use super::export::behind;
use super::trail_reader::{
    Against, Archive, Checkpoints, PAGE, begin, checkpoints, connect, entries, of_database, sound_cut,
};
use super::verify::archives;
use crate::{Failure, open, trail};

/// The most runs of a ledger that are held against the trail.
const RUNS: u64 = 100_000;
/// How long a plan's database may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is reported on.
#[derive(Clone, Debug)]
pub struct ReportRequest {
    /// The plans.
    pub plans: Vec<PathBuf>,
    /// The standard that it is written for.
    pub standard: Standard,
    /// The time, in milliseconds since 1970.
    pub range: Range<i64>,
    /// The file for the page, where it goes into one.
    pub out: Option<PathBuf>,
    /// Archives of what was cut off the trail, in their order.
    pub archives: Vec<PathBuf>,
}

/// What the trail shows of a time.
#[derive(Clone, Debug)]
pub struct AuditReport {
    /// The report for programs.
    pub document: Value,
    /// The same as a page that prints.
    pub page: String,
    /// The first event that is not as it was recorded. A report about a broken trail is written all the same.
    pub fault: Option<Fault>,
}

/// Reports on a time.
///
/// # Errors
/// When a plan cannot be read, there is no trail, or the file cannot be written.
pub async fn report(request: &ReportRequest) -> Result<AuditReport, Failure> {
    let (mut plans, mut ledgers) = (Vec::new(), Vec::new());
    for path in &request.plans {
        let plan = open::plan(path)?;
        let max_days = plan.policy.max_key_age.map(|age| age.as_secs() / 86_400);
        ledgers.push(ledger(&plan).await);
        plans.push((plan.name, max_days));
    }
    let mut session = connect().await?;
    let against = Against { archives: archives(&request.archives)?, ..Against::default() };
    let verdict = of_database(&mut session, &against).await?;
    let entries = legible(&mut session, &verdict).await?;
    let entries = with_archives(&mut session, entries, &against.archives).await?;
    let range = (request.range.start, request.range.end);
    let archived_before = archived_before(&mut session, &verdict).await?;
    let standard = request.standard;
    let subject = Subject { plans, ledgers, standard, range, now: trail::now_ms(), archived_before };
    let document = document::report(&entries, &verdict, &subject);
    let page = document::page(&document).map_err(|error| Failure::failed("report", error.to_string()))?;
    if let Some(path) = &request.out {
        let failed =
            |error: std::io::Error| Failure::failed("file", format!("{}: {}", path.display(), error.kind()));
        std::fs::write(path, &page).map_err(failed)?;
    }
    Ok(AuditReport { document, page, fault: verdict.fault })
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
        Err(_) => Err("the plan's database does not respond".to_owned()),
    };
    Ledger { plan: plan.name.clone(), runs }
}

/// The events up to the first that is bad.
async fn legible(session: &mut ControlSession, verdict: &Verdict) -> Result<Vec<Entry>, Failure> {
    if verdict.fault.is_none() {
        return entries(session).await;
    }
    let Checkpoints { sound: checkpoints, .. } = checkpoints(session).await?;
    let mut trail = Trail::new(&checkpoints, &[], &[]);
    begin(session, &mut trail).await?;
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

/// The events of archives, and behind them those of the control database that come after its cut.
async fn with_archives(
    session: &mut ControlSession,
    entries: Vec<Entry>,
    archives: &[Archive],
) -> Result<Vec<Entry>, Failure> {
    if archives.is_empty() {
        return Ok(entries);
    }
    let archived = archives.iter().flatten().filter_map(|line| match line {
        Ok(Line::Event(entry)) => Some(entry.clone()),
        _ => None,
    });
    let cut = sound_cut(session).await?;
    Ok(archived.chain(behind(cut.as_ref(), entries)).collect())
}

/// The time before which events were archived and not read; `None` where all of them were read.
async fn archived_before(session: &mut ControlSession, verdict: &Verdict) -> Result<Option<i64>, Failure> {
    if verdict.archived_through == 0 {
        return Ok(None);
    }
    Ok(session.cut().await?.and_then(Result::ok).map(|cut| cut.point.before_ms))
}
