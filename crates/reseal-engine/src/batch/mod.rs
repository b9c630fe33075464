//! open → seal → reopen for a page of rows. Pure: no I/O, on whichever core is free.

pub(crate) mod chunk;
pub(crate) mod packed;
pub(crate) mod swaps;
pub(crate) mod work;

use std::sync::{Arc, OnceLock};

use reseal_core::{Cell, Context, Part, SealError, Value};
use reseal_store::{Row, Rows, StoreError, Swap};
use smallvec::SmallVec;

use packed::Packed;
use swaps::{Fields, Moved};
use work::Work;

use crate::cell::ask::in_columns;
use crate::cell::coerce::coerce;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::mirrors::{self, Told};
use crate::cell::open::{Fault, Opened, Opening, Trust, open};
use crate::cell::reason::quarantined;
use crate::cell::target::Target;
use crate::cell::undo;
use crate::error::EngineError;
use crate::job::dek_cache::DekId;
use crate::job::envelope::Move;

/// Works a page through on all cores; the order of the rows is kept. KEKs are asked first, and nothing is read or
/// written after.
///
/// # Errors
/// When a KEK could not be asked.
pub(crate) async fn work_through(
    target: Arc<Target>,
    rows: Vec<Row>,
    trust: Trust,
) -> Result<Work, EngineError> {
    let stage = if trust == Trust::Marks { Stage::Move } else { Stage::Try };
    let deks = prepare(&target, &rows, stage).await?;
    let form = Form::Rows { undo: trust == Trust::Marks };
    crunch(target, rows.into(), (trust, form), deks).await
}

/// The same for a page that is written in the order in which it was read ahead. With `stripes`, its swaps are packed for a
/// writer that commits whole batches, by where their rows lie in their pages.
pub(crate) async fn work_ahead(
    target: Arc<Target>,
    rows: Rows,
    stripes: Option<usize>,
) -> Result<Work, EngineError> {
    let (rows, deks) = with_deks(&target, rows, Stage::Move).await?;
    let undo = target.job.undo;
    let form = stripes.map_or(Form::Rows { undo }, |stripes| Form::Packed { undo, stripes });
    crunch(target, rows, (Trust::Marks, form), deks).await
}

/// Rows with what their cells' DEKs are. Rows of a table without any are left as they were sent.
pub(crate) async fn with_deks(
    target: &Target,
    rows: Rows,
    stage: Stage,
) -> Result<(Rows, Option<Arc<Deks>>), EngineError> {
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

async fn crunch(
    target: Arc<Target>,
    rows: Rows,
    how: (Trust, Form),
    deks: Option<Arc<Deks>>,
) -> Result<Work, EngineError> {
    const ROWS_PER_TASK: usize = 64;
    let cores = cores();
    let size = rows.len().div_ceil(cores).max(ROWS_PER_TASK);
    let mut tasks = Vec::new();
    let mut rest = rows;
    while !rest.is_empty() {
        let tail = rest.split_off(size.min(rest.len()));
        let part = std::mem::replace(&mut rest, tail);
        let (target, deks) = (target.clone(), deks.clone());
        tasks.push(tokio::task::spawn_blocking(move || work(&target, part, how, deks.as_deref())));
    }
    let mut all = Work::default();
    for task in tasks {
        match task.await {
            Ok(work) => all.append(work?),
            // A panic in a format is a bug; it must not look like a page without cells.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    Ok(all)
}

/// How many cores there are. Where a container bounds them, files are read to know it, so it is asked once.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

fn work(
    target: &Target,
    rows: Rows,
    (trust, form): (Trust, Form),
    deks: Option<&Deks>,
) -> Result<Work, StoreError> {
    let mut work = Work { opened: vec![(0, 0); target.fields.len()], ..Work::default() };
    match form {
        Form::Rows { .. } => {
            work.swaps.all.reserve(rows.len());
            work.swaps.moved.reserve(rows.len());
        }
        Form::Packed { undo, stripes } => {
            // Stripes come out uneven, and new cells are seldom as long as old ones.
            let room = |all: usize| all / stripes + all / stripes / 4;
            let (rows, bytes) = (room(rows.len()), room(rows.bytes()));
            work.packed =
                (0..stripes).map(|_| vec![Packed::with_room(&target.shape, rows, bytes, undo)]).collect();
        }
    }
    let mut scratch = Vec::new();
    for row in rows {
        let row = row?;
        let slot = usize::from(row.slot);
        work.counts.rows_scanned += 1;
        let Some((swap, mut moved)) = one_row(target, row, trust, deks, &mut work) else { continue };
        match form {
            Form::Packed { undo, stripes } if !swap.withholds_any() => {
                let part = &mut work.packed[slot % stripes][0];
                if undo {
                    put_entry(target, (part.entries(), &mut scratch), &swap, &moved.plain);
                }
                part.push(&swap, moved);
            }
            Form::Rows { undo } | Form::Packed { undo, .. } => {
                if undo {
                    put_entry(target, (&mut moved.entry, &mut scratch), &swap, &moved.plain);
                }
                work.swaps.push(swap, moved);
            }
        }
    }
    Ok(work)
}

/// Writes what undo keeps of a swap's row.
fn put_entry(target: &Target, out: (&mut Vec<u8>, &mut Vec<u8>), swap: &Swap, plain: &Fields) {
    let was_plain =
        |place| !plain.is_empty() && target.field_of_ciphertext(place).is_some_and(|at| plain.contains(at));
    undo::put_entry(out, swap, was_plain, &target.groups);
}

/// Opens, seals and reopens the cells of a row. Gives its swap, where any of them is to be written.
fn one_row(
    target: &Target,
    row: Row,
    trust: Trust,
    deks: Option<&Deks>,
    work: &mut Work,
) -> Option<(Swap, Moved)> {
    let job = &target.job;
    let mut new: Vec<Option<Value>> = vec![None; target.shape.cells.len()];
    let mut moved = Moved::default();
    let mut faults = Vec::new();
    for (at, field) in target.table().fields.iter().enumerate() {
        let cell = target.cell(at, &row.values);
        target.with_context(at, &row, |context| {
            let opening = match mirrors::differs(target, at, &row.values) {
                true => Opening::Broken(Fault { reason: mirrors::DIFFERS, seal: None }),
                false => open((job, field), cell.as_ref(), context, trust, deks),
            };
            let settled = match opening {
                Opening::Null => Ok((State::Null, Parts::new())),
                Opening::Marked => Ok((State::Current, Parts::new())),
                Opening::Shut(id) => {
                    work.opened[at].0 += 1;
                    rewrap(target, at, &row, &id, deks).map(|new| (State::Moved { plain: false }, new))
                }
                Opening::Opened(opened) if opened.current => {
                    work.opened[at].0 += 1;
                    Ok((State::Current, Parts::new()))
                }
                Opening::Opened(opened) => {
                    work.opened[at].0 += 1;
                    let state = State::Moved { plain: opened.key.is_none() };
                    reseal(target, at, &row, &opened, cell.as_ref(), context, deks).map(|new| (state, new))
                }
                Opening::Broken(fault) => {
                    work.opened[at].1 += 1;
                    Err(fault.reason)
                }
            };
            let settled = settled.and_then(|(state, sealed)| {
                sealed.into_iter().for_each(|(place, value)| new[place] = Some(value));
                if mirrors::copy(target, at, &row.values, &mut new)? {
                    moved.filled.insert(at);
                }
                Ok(state)
            });
            match settled {
                Ok(State::Null) => work.counts.cells_null += 1,
                Ok(State::Current) => work.counts.cells_current += 1,
                Ok(State::Moved { plain }) => {
                    if plain {
                        moved.plain.insert(at);
                    }
                    moved.fields.insert(at);
                }
                Err(reason) => {
                    target.fields[at].iter().for_each(|(_, place)| new[*place] = None);
                    faults.push((at, reason));
                }
            }
            if let Ok(state) = settled {
                let told = if matches!(state, State::Moved { .. }) { Told::Moved } else { Told::Untouched };
                mirrors::tell(target, at, &row.values, &mut new, told);
            }
        });
    }
    finish(target, row, new, moved, &faults, work)
}

/// What a cell comes to.
#[derive(Clone, Copy)]
enum State {
    Null,
    Current,
    Moved { plain: bool },
}

/// Makes what the fields of a row came to a swap, and a list of those that are broken.
fn finish(
    target: &Target,
    row: Row,
    mut new: Vec<Option<Value>>,
    mut moved: Moved,
    faults: &[(usize, &'static str)],
    work: &mut Work,
) -> Option<(Swap, Moved)> {
    work.counts.cells_quarantined += faults.len() as u64;
    for (at, reason) in faults {
        work.broken.push(quarantined(target, *at, &row.key, reason));
    }
    if target.moves_whole() && !faults.is_empty() {
        new.fill(None);
        moved = Moved::default();
    }
    for (at, reason) in faults {
        mirrors::tell(target, *at, &row.values, &mut new, Told::Broken(reason));
    }
    new.iter().any(Option::is_some).then(|| {
        let kept = new.into_iter().zip(&row.values);
        let new = kept.map(|(new, old)| new.unwrap_or_else(|| old.clone())).collect();
        let unopened = !faults.is_empty();
        (Swap { key: row.key, old: row.values, new, version: row.version, unopened }, moved)
    })
}

/// The parts of a new cell by their places in the row; nearly every cell is one.
type Parts = SmallVec<[(usize, Value); 1]>;

/// Puts a cell's DEK under its new KEK; the payload stays as it is. Gives the new values by their places in the row.
fn rewrap(
    target: &Target,
    at: usize,
    row: &Row,
    id: &DekId,
    deks: Option<&Deks>,
) -> Result<Parts, &'static str> {
    let wrapped = deks.ok_or("dek-not-asked")?.moved(id)?;
    in_places(target, at, row, Some(wrapped), None)
}

/// Seals an opened cell anew and opens the result again, as it will be read from its columns, before it is written.
/// Gives the new values by their places in the row.
fn reseal(
    target: &Target,
    at: usize,
    row: &Row,
    opened: &Opened<'_>,
    old: Option<&Cell>,
    context: &Context<'_>,
    deks: Option<&Deks>,
) -> Result<Parts, &'static str> {
    let field = &target.table().fields[at];
    let primary = field.to.keyset.primary().ok_or("no-primary")?;
    let (key, wrapped) = match &field.to.envelope {
        Some(envelope) => match &opened.dek {
            Some(id) if opened.seal == 0 && envelope.r#move == Move::Rewrap => {
                return rewrap(target, at, row, id, deks);
            }
            _ => {
                deks.ok_or("dek-not-asked")?.fresh(&row.key, at).map(|(dek, wrapped)| (dek, Some(wrapped)))?
            }
        },
        None => (primary, None),
    };
    // What belongs to the value survives within a format; between formats there is nothing to keep.
    let like = old.filter(|_| opened.seal == 0 || same_format(target, at, opened.seal));
    let mut sealed = field.to.seal(&opened.text, key, context, like).map_err(|error| match error {
        SealError::Unfit(_) => "does-not-fit-the-format",
        SealError::Key { .. } => "key-does-not-fit",
        SealError::Random => "no-random-bytes",
    })?;
    let new = in_places(target, at, row, wrapped, Some(&mut sealed))?;
    let written = |place| new.iter().find(|(at, _)| *at == place).map_or(&row.values[place], |(_, new)| new);
    let cell = target.cell_of(at, written).ok_or("bad-encoding")?;
    let reopens = field.to.open(&cell, key, context).is_ok_and(|text| text.same_as(&opened.text));
    drop(cell);
    reopens.then_some(new).ok_or("does-not-reopen")
}

/// The parts of a new cell as their columns take them, by their places in the row. A rewrap seals nothing, and leaves
/// the payload's columns as they are.
fn in_places(
    target: &Target,
    at: usize,
    row: &Row,
    wrapped: Option<&[u8]>,
    mut sealed: Option<&mut Cell>,
) -> Result<Parts, &'static str> {
    let field = &target.table().fields[at];
    let primary = field.to.keyset.primary().ok_or("no-primary")?;
    let has_nonce_column = target.fields[at].iter().any(|(part, _)| *part == Part::DekNonce);
    let dek = wrapped.map(|wrapped| in_columns(wrapped, primary, has_nonce_column));
    let mut new = Parts::with_capacity(target.fields[at].len());
    for (part, place) in &target.fields[at] {
        let value = match (part, &dek) {
            (Part::Key, _) => Value::Text(primary.tag().to_owned()),
            (Part::WrappedDek, Some((wrapped, _))) => field.encoding.encode(wrapped.clone()),
            (Part::DekNonce, Some((_, nonce))) => field.encoding.encode(nonce.clone()),
            (Part::WrappedDek | Part::DekNonce, None) => Value::Null,
            (part, _) => match sealed.as_mut() {
                Some(sealed) => field.encoding.encode(sealed.take(*part).ok_or("part-missing")?),
                None => continue,
            },
        };
        let kind = target.shape.cells[*place].kind;
        new.push((*place, coerce(value, &row.values[*place], kind).ok_or("column-type")?));
    }
    Ok(new)
}

fn same_format(target: &Target, at: usize, seal: usize) -> bool {
    let field = &target.table().fields[at];
    field.from.get(seal - 1).is_some_and(|from| from.format_name == field.to.format_name)
}

#[cfg(test)]
mod tests;
