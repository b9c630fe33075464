//! The sweep: in one snapshot, every cell in scope is opened.
//!
//! It reads whole tables, not pages in row-key order: what a pager would skip, a sweep still finds.

pub(crate) mod census;
pub(crate) mod dry_run;
pub(crate) mod listing;
pub(crate) mod trial;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use reseal_core::{Identified, Key, Part, Value};
use reseal_store::{Database, Quarantined, Row, Rows, Session, StoreError};
use tokio::sync::mpsc::channel;

use crate::batch::{cores, with_deks};
use crate::cell::ask::takes;
use crate::cell::condition::of_condition;
use crate::cell::deks::{Deks, Stage};
use crate::cell::layout::layout;
use crate::cell::mirrors;
use crate::cell::open::{Claim, Fault, Opening, Trust, claim, names_a_key, open};
use crate::cell::reason::quarantined;
use crate::cell::target::Target;
use crate::error::EngineError;
use crate::job::Job;
use crate::job::scope::Scope;
use crate::progress::Progress;
use crate::sweep::census::{Census, CensusField, CensusLine};
use crate::sweep::listing::{Listing, Refused};

/// Bytes of a chunk of rows on its way from the database to the cores.
const CHUNK_BYTES: usize = 1 << 20;

/// How the cells are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Mark,
    Opened,
}

/// What a sweep found.
pub(crate) struct Swept {
    /// Cells per field, seal and key.
    pub(crate) census: Census,
    /// Cells that are not under the primary, though some key opens them.
    pub(crate) old: u64,
    /// Cells that no key opens, and those that were refused when they were to be written.
    pub(crate) broken: u64,
    /// The tables (positions in the job) that hold old cells.
    pub(crate) tables_with_old: Vec<usize>,
}

/// Cells by seal and key id.
type Tally = BTreeMap<(Option<usize>, Option<String>), u64>;

/// Opens every cell of the targets in one snapshot. Connections that are open and idle are used before new ones.
pub(crate) async fn sweep(
    (database, mut idle): (&Database, Vec<Session>),
    targets: &[Arc<Target>],
    progress: &Progress,
    mut listing: Option<Listing<'_>>,
) -> Result<Swept, EngineError> {
    let workers = targets.first().map_or(1, |target| target.job.pace.workers);
    let mut readers = snapshot(database, &mut idle, workers).await?;
    drop(idle);
    let mut swept = Swept { census: Census::default(), old: 0, broken: 0, tables_with_old: Vec::new() };
    for target in targets {
        let (tallies, refused) =
            tally_table(&mut readers, target, By::Opened, progress, listing.as_mut()).await?;
        let mut old_here = 0;
        for (at, tally) in tallies.iter().enumerate() {
            let field = &target.table().fields[at];
            let primary = field.to.keyset.primary().map(|key| key.id().to_owned());
            for ((seal, key), cells) in tally {
                match (seal, key) {
                    (Some(0), key) if *key == primary => {}
                    (Some(_), Some(_)) => old_here += cells,
                    (Some(seal), None) if is_plaintext(field, *seal) => old_here += cells,
                    _ => swept.broken += cells,
                }
            }
        }
        // They open under an old key, and no further round will move them.
        old_here -= refused.old;
        swept.broken += refused.old + refused.unfilled;
        if old_here > 0 {
            swept.tables_with_old.push(target.at);
        }
        swept.old += old_here;
        swept.census.fields.extend(lines(target, tallies));
    }
    for reader in &mut readers {
        reader.end_snapshot().await?;
    }
    if let Some(listing) = listing {
        listing.end().await?;
    }
    swept.census.clean = swept.old == 0 && swept.broken == 0;
    swept.census.by = "opened";
    Ok(swept)
}

/// Connections that read one snapshot: as many as there are workers, where the database can share it.
async fn snapshot(
    database: &Database,
    idle: &mut Vec<Session>,
    workers: usize,
) -> Result<Vec<Session>, EngineError> {
    let mut first = connection(database, idle).await?;
    first.begin_snapshot().await?;
    let mut readers = vec![first];
    if workers > 1
        && let Some(name) = readers[0].share_snapshot().await?
    {
        for _ in 1..workers {
            let mut reader = connection(database, idle).await?;
            reader.begin_shared(&name).await?;
            readers.push(reader);
        }
    }
    Ok(readers)
}

async fn connection(database: &Database, idle: &mut Vec<Session>) -> Result<Session, EngineError> {
    match idle.pop() {
        Some(session) => Ok(session),
        None => Ok(database.connect().await?),
    }
}

fn is_plaintext(field: &crate::job::FieldJob, seal: usize) -> bool {
    field.seals().nth(seal).is_some_and(|seal| seal.format.plaintext)
}

/// Counts cells per field, seal and key: by what they say, or by opening each.
///
/// # Errors
/// When the database refuses.
pub async fn census(
    job: &Arc<Job>,
    database: &Database,
    scope: &Scope,
    opened: bool,
    progress: &Progress,
) -> Result<Census, EngineError> {
    let mut session = database.connect().await?;
    let targets = layout(&mut session, job, scope).await?;
    if opened {
        let swept = sweep((database, Vec::new()), &targets, progress, None).await?;
        return Ok(Census { plan: job.plan.clone(), ..swept.census });
    }
    session.begin_snapshot().await?;
    let mut census = Census { plan: job.plan.clone(), clean: true, by: "mark", fields: Vec::new() };
    for target in &targets {
        let (tallies, _) =
            tally_table(std::slice::from_mut(&mut session), target, By::Mark, progress, None).await?;
        for (at, tally) in tallies.iter().enumerate() {
            let primary = target.table().fields[at].to.keyset.primary().map(reseal_core::Key::id);
            census.clean &= tally.keys().all(|(seal, key)| *seal == Some(0) && key.as_deref() == primary);
        }
        census.fields.extend(lines(target, tallies));
    }
    session.end_snapshot().await?;
    Ok(census)
}

/// The sweep alone: every cell in scope opened, in one snapshot.
///
/// # Errors
/// When the database refuses.
pub async fn verify(
    job: &Arc<Job>,
    database: &Database,
    scope: &Scope,
    progress: &Progress,
) -> Result<Census, EngineError> {
    census(job, database, scope, true, progress).await
}

fn lines(target: &Target, tallies: Vec<Tally>) -> Vec<CensusField> {
    let fields = target.table().fields.iter().zip(tallies);
    fields
        .map(|(field, tally)| CensusField {
            table: target.label().to_owned(),
            field: field.name.clone(),
            counts: tally
                .into_iter()
                .map(|((seal, key), cells)| CensusLine {
                    seal: seal.and_then(|at| field.seals().nth(at)).map(|seal| seal.name.clone()),
                    key,
                    cells,
                })
                .collect(),
        })
        .collect()
}

/// Cells that open and were refused when they were to be written.
#[derive(Clone, Copy, Default)]
struct RefusedCells {
    /// Under an old key.
    old: u64,
    /// Under the primary, beside a mirror that could not be filled.
    unfilled: u64,
}

/// Counts the cells of a table; gives the number of those that were refused before beside the tallies.
async fn tally_table(
    readers: &mut [Session],
    target: &Arc<Target>,
    by: By,
    progress: &Progress,
    mut listing: Option<&mut Listing<'_>>,
) -> Result<(Vec<Tally>, RefusedCells), EngineError> {
    let cores = cores();
    let refused = listing.as_ref().map(|listing| listing.refused().clone()).unwrap_or_default();
    let mut refused_cells = RefusedCells::default();
    let (chunks_in, chunks) = channel(1);
    let mut tallies: Vec<Tally> = vec![Tally::new(); target.fields.len()];
    let slices = readers[0].slices(&target.shape, readers.len()).await?;
    let read = async {
        let chunks_in = chunks_in;
        let scans = readers.iter_mut().zip(&slices);
        let scans = scans.map(|(reader, slice)| reader.scan(&target.shape, slice, CHUNK_BYTES, &chunks_in));
        try_join_all(scans).await
    };
    let count = async {
        // Whoever reads ends when nobody counts any more.
        let mut chunks = chunks;
        let mut running = std::collections::VecDeque::new();
        loop {
            let chunk: Option<Rows> = chunks.recv().await;
            if let Some(rows) = &chunk {
                progress.add(rows.len() as u64, 0);
            }
            let ended = chunk.is_none();
            if let Some(rows) = chunk {
                let (target, refused) = (target.clone(), refused.clone());
                let (rows, deks) = match by {
                    By::Opened => with_deks(&target, rows, Stage::Open).await?,
                    By::Mark => (rows, None),
                };
                running.push_back(tokio::task::spawn_blocking(move || {
                    tally_rows(&target, rows, by, (deks.as_deref(), &refused))
                }));
            }
            while running.len() > if ended { 0 } else { cores } {
                let Some(task) = running.pop_front() else { break };
                let part = match task.await {
                    Ok(done) => done?,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
                for (all, part) in tallies.iter_mut().zip(part.tallies) {
                    part.into_iter().for_each(|(line, cells)| *all.entry(line).or_default() += cells);
                }
                refused_cells.old += part.refused.old;
                refused_cells.unfilled += part.refused.unfilled;
                if let Some(listing) = listing.as_deref_mut() {
                    listing.add(&part.listed).await?;
                }
            }
            if ended {
                return Ok::<(), EngineError>(());
            }
        }
    };
    let (read, counted) = tokio::join!(read, count);
    counted?;
    read.map_err(|error| of_condition(target, error))?;
    Ok((tallies, refused_cells))
}

/// What a chunk of rows comes to.
struct Tallied {
    tallies: Vec<Tally>,
    /// Cells for the quarantine.
    listed: Vec<Quarantined>,
    /// How many of them open, and were refused before.
    refused: RefusedCells,
}

fn tally_rows(
    target: &Target,
    rows: Rows,
    by: By,
    (deks, refused): (Option<&Deks>, &Refused),
) -> Result<Tallied, StoreError> {
    let mut counts: Vec<Counted<'_>> = target.fields.iter().map(|_| Counted::default()).collect();
    let mut listed = Vec::new();
    let mut refused_here = RefusedCells::default();
    for row in rows {
        let row = &row?;
        for (at, counted) in counts.iter_mut().enumerate() {
            let line = match by {
                By::Mark => marked(target, at, row),
                By::Opened => opened(target, at, row, deks).unwrap_or_else(|fault| {
                    listed.push(quarantined(target, at, &row.key, fault.reason));
                    Some((fault.seal, None))
                }),
            };
            let Some(line) = line else { continue };
            counted.add(line);
            let old = is_old(target, at, line);
            if (old || mirrors::unfilled(target, at, &row.values))
                && let Some(entry) = refused.entry(target, at, &row.key)
            {
                listed.push(entry);
                *if old { &mut refused_here.old } else { &mut refused_here.unfilled } += 1;
            }
        }
    }
    let tallies = counts.into_iter().map(Counted::tally).collect();
    Ok(Tallied { tallies, listed, refused: refused_here })
}

/// Whether a cell opened, and not under what it must end with.
fn is_old(target: &Target, at: usize, (seal, key): Line<'_>) -> bool {
    let field = &target.table().fields[at];
    let primary = field.to.keyset.primary().map(Key::id);
    match (seal, key.map(Key::id)) {
        (Some(0), key) if key == primary => false,
        (Some(_), Some(_)) => true,
        (Some(seal), None) => is_plaintext(field, seal),
        (None, _) => false,
    }
}

/// A cell's seal and key.
type Line<'j> = (Option<usize>, Option<&'j Key>);

/// Cells by seal and key: a handful of lines, met in runs.
#[derive(Default)]
struct Counted<'j>(Vec<(Line<'j>, u64)>);

impl<'j> Counted<'j> {
    fn add(&mut self, line: Line<'j>) {
        let same = |other: &Line<'_>| other.0 == line.0 && other.1.map(Key::id) == line.1.map(Key::id);
        match self.0.iter_mut().find(|(other, _)| same(other)) {
            Some((_, cells)) => *cells += 1,
            None => self.0.push((line, 1)),
        }
    }

    fn tally(self) -> Tally {
        let lines = self.0.into_iter();
        lines.map(|((seal, key), cells)| ((seal, key.map(|key| key.id().to_owned())), cells)).collect()
    }
}

fn opened<'j>(
    target: &'j Target,
    at: usize,
    row: &Row,
    deks: Option<&Deks>,
) -> Result<Option<Line<'j>>, Fault> {
    if mirrors::differs(target, at, &row.values) {
        return Err(Fault { reason: mirrors::DIFFERS, seal: None });
    }
    let field = &target.table().fields[at];
    let cell = target.cell(at, &row.values);
    let opening = target.with_context(at, row, |context| {
        open((&target.job, field), cell.as_ref(), context, Trust::Nothing, deks)
    });
    match opening {
        Opening::Null => Ok(None),
        Opening::Opened(opened) => Ok(Some((Some(opened.seal), opened.key))),
        Opening::Broken(fault) => Err(fault),
        // With trust in nothing no cell is left unopened.
        Opening::Marked | Opening::Shut(_) => Err(Fault { reason: "not-opened", seal: None }),
    }
}

/// What a cell says of itself, no key asked. A cell that says nothing of its key is counted under no key.
fn marked<'j>(target: &'j Target, at: usize, row: &Row) -> Option<Line<'j>> {
    let field = &target.table().fields[at];
    let Some(cell) = target.cell(at, &row.values) else { return Some((None, None)) };
    if cell.get(Part::Ciphertext).is_none_or(Value::is_null) {
        return None;
    }
    let ciphertexts = field.seals().enumerate().filter(|(_, seal)| !seal.format.plaintext);
    for (at, seal) in ciphertexts.filter(|(_, seal)| takes(seal, &cell)) {
        let tag = match claim(seal, &cell) {
            Claim::No => continue,
            Claim::Broken(_) => None,
            Claim::Mark(mark) => mark,
        };
        return Some((Some(at), tag.and_then(|tag| seal.keyset.by_tag(&tag))));
    }
    let plain = field.seals().position(|seal| seal.format.plaintext && takes(seal, &cell));
    let foreign =
        target.job.recognisers.iter().any(|format| !matches!(format.identify(&cell), Identified::NotMine));
    Some((plain.filter(|_| !foreign && !names_a_key(field, &cell)), None))
}
