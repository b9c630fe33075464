//! open → seal → reopen for a page of rows. Pure: no I/O, on whichever core is free.

pub(crate) mod chunk;
mod company;
pub(crate) mod packed;
mod plan;
pub(crate) mod planned;
mod row;
pub(crate) mod work;

use std::sync::{Arc, OnceLock};

use reseal_store::{Row, Rows, StoreError, Swap};
use tokio::task::JoinHandle;

use packed::Packed;
use planned::{Fields, PlannedSwap};
use row::RowPlanner;
use work::{OpenCount, Work};

use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::field::FieldTarget;
use crate::cell::open::Trust;
use crate::cell::spared::Spared;
use crate::cell::target::Target;
use crate::cell::undo;
use crate::error::RunError;

/// Works a page through on all cores; the order of the rows is kept. KEKs are asked first, and nothing is read or
/// written after.
///
/// # Errors
/// When a KEK could not be asked.
pub(crate) async fn work_through(
    target: Arc<Target>,
    rows: Vec<Row>,
    trust: Trust,
) -> Result<Work, RunError> {
    let stage = if trust == Trust::Marks { Stage::Move } else { Stage::Try };
    let deks = prepare(&target, &rows, stage).await?;
    let form = Form::Rows { undo: trust == Trust::Marks };
    crunch(target, rows.into(), Recipe { trust, form, spared: None, notes: false }, deks).await
}

/// The same for rows that are written, and whose old cells are kept whatever the plan says. With `notes`, what is under the
/// primary already is noted.
///
/// # Errors
/// When a KEK could not be asked.
pub(crate) async fn work_first(target: Arc<Target>, rows: Vec<Row>, notes: bool) -> Result<Work, RunError> {
    let deks = prepare(&target, &rows, Stage::Move).await?;
    let form = Form::Rows { undo: true };
    crunch(target, rows.into(), Recipe { trust: Trust::Marks, form, spared: None, notes }, deks).await
}

/// Works rows through on their way back: what is `spared` stays, and what does not open is none of a rollback's.
///
/// # Errors
/// When a KEK could not be asked.
pub(crate) async fn work_back(
    target: Arc<Target>,
    rows: Vec<Row>,
    spared: &Spared,
) -> Result<Work, RunError> {
    let deks = prepare(&target, &rows, Stage::Move).await?;
    let form = Form::Rows { undo: false };
    let recipe = Recipe { trust: Trust::Marks, form, spared: Some(spared.clone()), notes: false };
    crunch(target, rows.into(), recipe, deks).await
}

/// The same for a page that is written in the order in which it was read ahead. With `stripes`, its swaps are packed for a
/// writer that commits whole batches, by where their rows lie in their pages.
pub(crate) async fn work_ahead(
    target: Arc<Target>,
    rows: Rows,
    stripes: Option<usize>,
    way: Way,
) -> Result<Work, RunError> {
    let (spared, notes) = match way {
        Way::On { notes } => (None, notes),
        Way::Back(spared) => (Some(spared), false),
    };
    let (rows, deks) = with_deks(&target, rows, Stage::Move).await?;
    let undo = target.job.undo;
    let form = stripes.map_or(Form::Rows { undo }, |stripes| Form::Packed { undo, stripes });
    crunch(target, rows, Recipe { trust: Trust::Marks, form, spared, notes }, deks).await
}

/// Rows with what their cells' DEKs are. Rows of a table without any are left as they were sent.
pub(crate) async fn with_deks(
    target: &Target,
    rows: Rows,
    stage: Stage,
) -> Result<(Rows, Option<Arc<Deks>>), RunError> {
    if !target.enveloped {
        return Ok((rows, None));
    }
    let rows = rows.decode()?;
    let deks = prepare(target, &rows, stage).await?;
    Ok((rows.into(), deks))
}

/// In which form swaps are handed on. With `undo` there is an entry for each: a canary's batch is kept whatever the plan
/// says.
#[derive(Clone, Copy)]
enum Form {
    Rows { undo: bool },
    Packed { undo: bool, stripes: usize },
}

/// How rows are worked through.
#[derive(Clone)]
struct Recipe {
    trust: Trust,
    form: Form,
    /// What stays as it is, on the way back.
    spared: Option<Spared>,
    /// Whether what is under the primary already is noted, so that a rollback leaves it alone.
    notes: bool,
}

/// Which way cells go.
#[derive(Clone)]
pub(crate) enum Way {
    /// To the primary of a run.
    On {
        /// Whether what is under it already is noted.
        notes: bool,
    },
    /// Back to the old key, but for what stays.
    Back(Spared),
}

async fn crunch(
    target: Arc<Target>,
    rows: Rows,
    recipe: Recipe,
    deks: Option<Arc<Deks>>,
) -> Result<Work, RunError> {
    const ROWS_PER_TASK: usize = 64;
    let cores = cores();
    let size = rows.len().div_ceil(cores).max(ROWS_PER_TASK);
    let mut tasks = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let tail = rest.split_off(size.min(rest.len()));
        let part = std::mem::replace(&mut rest, tail);
        let (target, deks, recipe) = (target.clone(), deks.clone(), recipe.clone());
        tasks.push(tokio::task::spawn_blocking(move || work(&target, part, &recipe, deks.as_deref())));
    }
    let mut all = Work::default();
    for task in tasks {
        all.append(joined(task).await?);
    }
    Ok(all)
}

/// What a task came to. A panic in a format is a bug and goes on here: it must not look like rows without cells.
pub(crate) async fn joined<T>(task: JoinHandle<T>) -> T {
    match task.await {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// How many cores there are. Where a container bounds them, files are read to know it, so it is asked once.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

fn work(target: &Target, rows: Rows, recipe: &Recipe, deks: Option<&Deks>) -> Result<Work, StoreError> {
    let form = recipe.form;
    let mut work = Work { opened: vec![OpenCount::default(); target.fields.len()], ..Work::default() };
    make_room(target, &rows, form, &mut work);
    let mut scratch = Vec::new();
    let planner =
        RowPlanner { target, trust: recipe.trust, spared: recipe.spared.as_ref(), notes: recipe.notes, deks };
    for row in rows {
        let row = row?;
        let slot = usize::from(row.slot);
        work.counts.rows_scanned += 1;
        let Some(mut planned) = planner.plan(row, &mut work) else { continue };
        match form {
            Form::Packed { undo, stripes } if !planned.swap.withholds_any() => {
                let part = &mut work.packed[slot % stripes][0];
                if undo {
                    put_entry(target, part.entries(), &mut scratch, &planned.swap, &planned.moved.plain);
                }
                part.push(planned);
            }
            Form::Rows { undo } | Form::Packed { undo, .. } => {
                if undo {
                    let PlannedSwap { swap, moved } = &mut planned;
                    put_entry(target, &mut moved.entry, &mut scratch, swap, &moved.plain);
                }
                work.swaps.push(planned);
            }
        }
    }
    Ok(work)
}

fn make_room(target: &Target, rows: &Rows, form: Form, work: &mut Work) {
    match form {
        Form::Rows { .. } => work.swaps.reserve(rows.len()),
        Form::Packed { undo, stripes } => {
            // Stripes come out uneven, and new cells are seldom as long as old ones.
            let room = |all: usize| all / stripes + all / stripes / 4;
            let (rows, bytes) = (room(rows.len()), room(rows.bytes()));
            let stripe = || vec![Packed::with_room(&target.shape, rows, bytes, undo)];
            work.packed = (0..stripes).map(|_| stripe()).collect();
        }
    }
}

/// Writes what undo keeps of a swap's row. `scratch` is a buffer to use again.
fn put_entry(target: &Target, out: &mut Vec<u8>, scratch: &mut Vec<u8>, swap: &Swap, plain: &Fields) {
    let is_plain = |field: &FieldTarget| plain.contains(field.at);
    let was_plain = |place| !plain.is_empty() && target.field_of_ciphertext(place).is_some_and(is_plain);
    undo::put_entry(out, scratch, swap, was_plain, &target.groups);
}

#[cfg(test)]
mod tests;
