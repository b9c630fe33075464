//! Back to the old cells: exactly, where the new ones still stand; re-encrypted to the old key, where the application
//! has written since; never to plaintext.

mod which;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use reseal_core::{Key, RunState, Value};
use reseal_store::{
    Claimed, Counts, Database, NewRun, Row, RowKey, RunRow, Session, Swap, Trouble, UndoBatch,
};

use crate::beside;
use crate::catalogue::{self, Custody};
use crate::cell::{Opening, Trust, open};
use crate::deks::{Deks, Stage, prepare};
use crate::error::EngineError;
use crate::hooks::{Phase, When};
use crate::job::{Job, Scope};
use crate::lease::{LEASE_MS, Renewal, Stopper, holder};
use crate::pace::Pacer;
use crate::progress::Progress;
use crate::report::Report;
use crate::restored;
use crate::resume::{claims, take_up};
use crate::rotate::reopen;
use crate::steps::Steps;
use crate::target::Target;
use crate::trail;
use crate::turn::{has_no_way_back, of_run, turned_back, without_way_back};
use crate::undo::{self, Entry, OldValue};
pub use which::to_roll_back;
use which::{may_send_plaintext, newest};

/// How a rollback is to be carried out.
#[derive(Clone, Debug, Default)]
pub struct RollbackOptions {
    /// The run; `None` for the plan's newest.
    pub run_id: Option<String>,
    /// The key that cells written since are re-encrypted to, where there are several to choose from.
    pub to_key: Option<String>,
    /// Who rolls back, for the trail.
    pub operator: String,
    /// The control database, and what was agreed to.
    pub custody: Option<Custody>,
}

/// Rolls the newest run of a plan back. Safe to be interrupted and begun again.
///
/// # Errors
/// When there is nothing to roll back, a newer run stands before it, or the database refuses.
pub async fn rollback(
    job: &Arc<Job>,
    database: &Database,
    options: &RollbackOptions,
    progress: &Arc<Progress>,
    stop: &Stopper,
) -> Result<Report, EngineError> {
    let begun = Instant::now();
    let mut session = database.connect().await?;
    let run = newest(&mut session, job, options).await?;
    let job = &Arc::new(of_run(job, &run)?);
    let scope = Scope::from_json(&run.scope);
    may_send_plaintext(&mut session, job).await?;
    let back = Arc::new(turned_back(job, options.to_key.as_deref())?);
    let targets = crate::preflight::layout(&mut session, job, &scope).await?;
    let targets_back = crate::preflight::layout(&mut session, &back, &scope).await?;
    let mut control = catalogue::before_rollback(job, &run, options).await?;
    hold_again(&mut session, job, &run, &scope).await?;
    let epoch = begin(&mut session, &run).await?;
    crate::guard::take_away(&mut session, &targets).await?;
    let pacer = Arc::new(Pacer::new(&job.pace));
    let renewal = Renewal::start(database.clone(), (run.id.clone(), epoch), pacer, None, stop.clone());
    let outcome = put_back(&mut session, &run, &targets, &targets_back, progress, stop).await;
    drop(renewal);
    let mut session = reopen(session, database).await?;
    let counts = outcome?;
    let mut steps =
        Steps::of(&mut session, database, job, &run, (epoch, &options.operator, options.custody.as_ref()))
            .await?;
    steps.stands(RunState::RolledBack, run.counts.cells_rotated);
    // Before the state says so: a crash among them repeats them, and loses none.
    steps.play_all(&mut session, Phase::OnFailure, Some(When::RolledBack)).await;
    if !session.move_run((&run.id, epoch), RunState::RollingBack, RunState::RolledBack, None).await? {
        return Err(EngineError::superseded());
    }
    session.drop_undo(&run.id).await?;
    if let Some(control) = &mut control {
        trail::rolled_back(control, job, &run, &counts, &options.operator).await;
    }
    let runs = session.runs(Some(&job.plan), 1000).await?;
    restored::after_rollback(
        control.as_mut(),
        (job.as_ref(), back.as_ref()),
        (&run, &runs),
        &options.operator,
    )
    .await;
    Ok(Report {
        run_id: run.id.clone(),
        state: RunState::RolledBack,
        reason: (counts.cells_quarantined > 0)
            .then(|| format!("{} cells stay as they are", counts.cells_quarantined)),
        plan: job.plan.clone(),
        plan_digest: job.digest.clone(),
        scope: scope.json(),
        dry_run: false,
        stopped: false,
        steps_failed: false,
        steps: session.steps(&run.id).await?,
        counts,
        cells_old: 0,
        seconds: begun.elapsed().as_secs_f64(),
        estimate_seconds: None,
    })
}

async fn hold_again(
    session: &mut Session,
    job: &Job,
    run: &RunRow,
    scope: &Scope,
) -> Result<(), EngineError> {
    let again = NewRun {
        id: run.id.clone(),
        plan: run.plan.clone(),
        plan_digest: run.plan_digest.clone(),
        scope: run.scope.clone(),
        whole: run.whole,
        primaries: run.primaries.clone(),
        operator: run.operator.clone(),
        emergency: run.emergency,
        holder: holder(),
        lease_ms: LEASE_MS,
        columns: claims(job, scope)?,
    };
    match session.claim_again(&again).await? {
        Claimed::Yes => Ok(()),
        Claimed::HeldBy { column, run_id } => {
            let message = format!("{column} is held by run {run_id}");
            Err(EngineError::stopped("column-held", message, "wait for it, or cancel it"))
        }
    }
}

/// Moves the run to rolling-back and takes it up, so that its old engine, if it still lives, can commit nothing.
async fn begin(session: &mut Session, run: &RunRow) -> Result<i64, EngineError> {
    if crate::lease::is_held(run) {
        return Err(EngineError::stopped(
            "run-held",
            format!("run {} is at work", run.id),
            "pause it first: `reseal pause`",
        ));
    }
    if run.state != RunState::RollingBack
        && !session.move_run((&run.id, run.epoch), run.state, RunState::RollingBack, None).await?
    {
        return Err(EngineError::stopped(
            "run-held",
            format!("run {} moved on meanwhile", run.id),
            "look at `reseal status`",
        ));
    }
    let run = RunRow { state: RunState::RollingBack, lease_left_ms: 0, ..run.clone() };
    take_up(session, &run).await
}

async fn put_back(
    session: &mut Session,
    run: &RunRow,
    targets: &[Arc<Target>],
    targets_back: &[Arc<Target>],
    progress: &Progress,
    stop: &Stopper,
) -> Result<Counts, EngineError> {
    progress.begin(crate::progress::Phase::Rollback, 0, session.undo_cells(&run.id).await?);
    let mut counts = Counts::default();
    let mut after = (-1, -1);
    while let Some(batch) = session.next_undo(&run.id, after).await? {
        after = (batch.shard, batch.batch);
        let Some(target) = targets.iter().find(|target| target.label() == batch.table) else { continue };
        counts.add(&exactly(session, target, &batch).await?);
        progress.add(batch.cells, 0);
        interrupted(stop)?;
    }
    session.clear_quarantine(&run.id).await?;
    for (target, back) in targets.iter().zip(targets_back) {
        counts.add(&rewritten(session, run, target, back, stop).await?);
    }
    Ok(counts)
}

fn interrupted(stop: &Stopper) -> Result<(), EngineError> {
    match stop.asked() {
        None => Ok(()),
        Some(stop) => {
            Err(EngineError::stopped("interrupted", stop.reason(), "run `reseal rollback` again to go on"))
        }
    }
}

/// Puts the old cells of one batch back where the new ones still stand.
pub(crate) async fn exactly(
    session: &mut Session,
    target: &Arc<Target>,
    batch: &UndoBatch,
) -> Result<Counts, EngineError> {
    let keys: Vec<&Key> = target.job.keysets.iter().filter_map(|keyset| keyset.keyset.primary()).collect();
    let broken = || EngineError::failed("undo", "a batch of kept cells cannot be read");
    let packed = undo::disclose(&batch.payload, &keys, &target.job.deks).await?.ok_or_else(broken)?;
    let entries = undo::unpack(&packed).ok_or_else(broken)?;
    let wanted: HashMap<RowKey, Entry> =
        entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    let keys: Vec<RowKey> = wanted.keys().cloned().collect();
    let rows = session.rows_by_key(&target.shape, &keys).await?;
    let width = target.shape.cells.len();
    let reopens = |entry: &Entry| entry.old.iter().any(|value| matches!(value, OldValue::Reopen { .. }));
    let deks = match wanted.values().any(reopens) {
        true => prepare(target, &rows, Stage::Open).await?,
        false => None,
    };
    let mut scratch = Vec::new();
    let swaps: Vec<Swap> = rows
        .into_iter()
        .filter_map(|row| {
            let entry = wanted.get(&row.key)?;
            let stands = undo::digest(&row.values[..width], &target.told, &mut scratch) == entry.new;
            let old = stands.then(|| old_values(target, &row, entry, deks.as_deref())).flatten()?;
            Some(Swap { key: row.key, old: row.values, new: old, version: row.version })
        })
        .collect();
    let written = swap_at_once(session, target, &swaps).await?;
    Ok(Counts { rows_scanned: batch.cells, cells_rotated: written, ..Counts::default() })
}

/// The old values of a row; those that were plaintext are what its new cells open to.
fn old_values(target: &Target, row: &Row, entry: &Entry, deks: Option<&Deks>) -> Option<Vec<Value>> {
    let mut old = Vec::with_capacity(entry.old.len());
    for (place, value) in entry.old.iter().enumerate() {
        // What the application wrote there since is its own. A reason that stood there before comes back with its cell,
        // though the cell was mended meanwhile: a rollback gives the row as it was when it was swapped, and says nothing
        // of what has become true since. The next run that moves the cell clears it again.
        let now = row.values[place].text().filter(|_| target.told.contains(&place));
        if now.is_some_and(|now| !beside::is_reason(&now)) {
            old.push(row.values[place].clone());
            continue;
        }
        old.push(match value {
            OldValue::Kept(value) => value.clone(),
            OldValue::Same => row.values[place].clone(),
            OldValue::Reopen { text } => {
                let opened = reopened(target, row, place, deks)?;
                if *text { Value::Text(String::from_utf8(opened).ok()?) } else { Value::Bytes(opened) }
            }
        });
    }
    Some(old)
}

fn reopened(target: &Target, row: &Row, place: usize, deks: Option<&Deks>) -> Option<Vec<u8>> {
    let at = target.field_of_ciphertext(place)?;
    let field = &target.table().fields[at];
    let cell = target.cell(at, &row.values);
    let opening = target.with_context(at, row, |context| {
        open((&target.job, field), cell.as_ref(), context, Trust::Nothing, deks)
    });
    match opening {
        Opening::Opened(opened) => Some(opened.text.expose().to_vec()),
        _ => None,
    }
}

/// Swaps in one transaction; rows that another writer changed meanwhile are left to [`rewritten`].
pub(crate) async fn swap_at_once(
    session: &mut Session,
    target: &Target,
    swaps: &[Swap],
) -> Result<u64, EngineError> {
    if swaps.is_empty() {
        return Ok(0);
    }
    let mut pause = std::time::Duration::from_millis(20);
    for _ in 0..10 {
        let outcome = async {
            session.stage(&target.shape, swaps).await?;
            session.begin().await?;
            let written = session.swap(&target.shape, swaps, true).await?;
            session.commit().await?;
            Ok::<_, reseal_store::StoreError>(written)
        };
        match outcome.await {
            Ok(written) => return Ok(written.into_iter().map(|at| cells_of(target, &swaps[at])).sum()),
            Err(error) if error.trouble == Trouble::Retry => {
                session.rollback().await?;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(error) => {
                let _ = session.rollback().await;
                return Err(error.into());
            }
        }
    }
    Err(EngineError::stopped(
        "database-busy",
        "the database stays busy",
        "run `reseal rollback` again to go on",
    ))
}

/// How many cells a swap changes.
fn cells_of(target: &Target, swap: &Swap) -> u64 {
    // A rewrap leaves the ciphertext and moves the wrapped DEK.
    let moved = |parts: &&Vec<(reseal_core::Part, usize)>| {
        parts.iter().any(|(part, at)| *part != reseal_core::Part::Key && swap.old[*at] != swap.new[*at])
    };
    target.fields.iter().filter(moved).count() as u64
}

/// Cells that the application wrote under the new key since: re-encrypted to the old one, or listed where there is
/// no old key to re-encrypt to.
async fn rewritten(
    session: &mut Session,
    run: &RunRow,
    target: &Arc<Target>,
    back: &Arc<Target>,
    stop: &Stopper,
) -> Result<Counts, EngineError> {
    let mut counts = Counts::default();
    let mut cursor = None;
    loop {
        interrupted(stop)?;
        let rows = session.page(&target.shape, cursor.as_ref(), None, 500, 2 << 20).await?;
        let Some(last) = rows.last() else { return Ok(counts) };
        cursor = Some(last.key.clone());
        let deks = match has_no_way_back(target, back).next() {
            Some(_) => prepare(target, &rows, Stage::Open).await?,
            None => None,
        };
        let listed = without_way_back(target, back, &rows, deks.as_deref());
        counts.cells_quarantined += listed.len() as u64;
        session.quarantine(&run.id, &listed).await?;
        let work = crate::batch::work_through(back.clone(), rows, Trust::Marks).await?;
        let moved = work.swaps.all.into_iter().zip(work.swaps.moved).filter(|(_, moved)| moved.cells > 0);
        let swaps: Vec<Swap> = moved.map(|(swap, _)| swap).collect();
        counts.cells_raced += swap_at_once(session, back, &swaps).await?;
    }
}
