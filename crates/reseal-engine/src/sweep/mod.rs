//! The sweep: in one snapshot, every cell in scope is opened.
//!
//! It reads whole tables, not pages in row-key order: what a pager would skip, a sweep still finds.

pub(crate) mod census;
mod classify;
pub(crate) mod dry_run;
pub(crate) mod inspect;
pub(crate) mod listing;
pub(crate) mod scan;
mod tally;
pub(crate) mod trial;

use std::sync::Arc;

use reseal_store::{Database, Session};

use crate::cell::field::FieldTarget;
use crate::cell::layout::layout;
use crate::cell::standing::Standing;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::job::Job;
use crate::job::scope::Scope;
use crate::progress::Progress;
use census::{Census, CensusField, CensusLine, SweepFacts};
use classify::By;
use listing::Listing;
use scan::{Snapshot, snapshot};
use tally::{SealAndKey, TableTally, Tally, tally_table};

/// What a sweep found.
#[derive(Default)]
pub(crate) struct Swept {
    /// Cells per field, seal and key.
    pub(crate) census: Census,
    /// Cells that are not under the primary, though some key opens them.
    pub(crate) old: u64,
    /// Cells that no key opens, and those that were refused when they were to be written.
    pub(crate) broken: u64,
    /// The tables (positions in the job) that hold old cells.
    pub(crate) tables_with_old: Vec<usize>,
    /// When its snapshot was begun, in milliseconds since 1970 by the server's clock.
    pub(crate) began_ms: i64,
}

impl Swept {
    /// What the observer of the run is told of it.
    pub(crate) fn facts(&self) -> SweepFacts {
        let counts = self.census.fields.iter().flat_map(|field| &field.counts);
        SweepFacts { began_ms: self.began_ms, cells: counts.map(|line| line.cells).sum() }
    }

    fn add(&mut self, target: &Target, tally: TableTally) {
        let TableTally { fields, refused } = tally;
        let mut old = 0;
        for (field, tally) in target.fields.iter().zip(&fields) {
            old += cells_that(field, tally, Standing::Old);
            self.broken += cells_that(field, tally, Standing::Unknown);
        }
        // They open under an old key, and no further round will move them.
        old -= refused.old;
        self.broken += refused.old + refused.unfilled;
        if old > 0 {
            self.tables_with_old.push(target.at);
        }
        self.old += old;
        self.census.fields.extend(census_fields(target, fields));
    }
}

/// How many cells of a field stand so.
fn cells_that(field: &FieldTarget, tally: &Tally, standing: Standing) -> u64 {
    let of = |line: &SealAndKey| Standing::of(field.job(), line.seal, line.key.as_deref());
    tally.iter().filter(|(line, _)| of(line) == standing).map(|(_, cells)| cells).sum()
}

/// Opens every cell of the targets in one snapshot. Connections that are open and idle are used before new ones.
pub(crate) async fn sweep(
    database: &Database,
    idle: Vec<Session>,
    targets: &[Arc<Target>],
    progress: &Progress,
    mut listing: Option<Listing<'_>>,
) -> Result<Swept, RunError> {
    let workers = targets.first().map_or(1, |target| target.job.pace.workers);
    let Snapshot { mut readers, began_ms } = snapshot(database, idle, workers).await?;
    let mut swept = Swept { began_ms, ..Swept::default() };
    for target in targets {
        let tally = tally_table(&mut readers, target, By::Opened, progress, listing.as_mut()).await?;
        swept.add(target, tally);
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
) -> Result<Census, RunError> {
    let database = &database.read_only();
    let mut session = database.connect().await?;
    let targets = layout(&mut session, job, scope).await?;
    if opened {
        let swept = sweep(database, Vec::new(), &targets, progress, None).await?;
        return Ok(Census { plan: job.plan.clone(), ..swept.census });
    }
    session.begin_snapshot().await?;
    let mut census = Census { plan: job.plan.clone(), clean: true, by: "mark", fields: Vec::new() };
    for target in &targets {
        let reader = std::slice::from_mut(&mut session);
        let TableTally { fields, .. } = tally_table(reader, target, By::Mark, progress, None).await?;
        for (field, tally) in target.fields.iter().zip(&fields) {
            census.clean &= cells_that(field, tally, Standing::Current) == tally.values().sum::<u64>();
        }
        census.fields.extend(census_fields(target, fields));
    }
    session.end_snapshot().await?;
    Ok(census)
}

/// The same, by opening each, for the rows that the plan's conditions leave out: no run moves their cells.
///
/// # Errors
/// When the database refuses.
pub async fn left_out(job: &Arc<Job>, database: &Database, progress: &Progress) -> Result<Census, RunError> {
    match job.of_rows_left_out() {
        Some(job) => census(&job, database, &Scope::default(), true, progress).await,
        None => Ok(Census::default()),
    }
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
) -> Result<Census, RunError> {
    census(job, database, scope, true, progress).await
}

fn census_fields(target: &Target, tallies: Vec<Tally>) -> Vec<CensusField> {
    let fields = target.fields.iter().zip(tallies);
    fields.map(|(field, tally)| census_field(field, tally)).collect()
}

fn census_field(field: &FieldTarget, tally: Tally) -> CensusField {
    let job = field.job();
    let line = |(SealAndKey { seal, key, unauthenticated }, cells)| {
        let is_old = Standing::of(job, seal, key.as_deref()) == Standing::Old;
        let seal = seal.and_then(|at| job.seals().nth(at));
        let lacks =
            seal.filter(|_| unauthenticated).and_then(|seal| seal.format.format.optional_authentication());
        let lacks = lacks.map(|optional| optional.name);
        CensusLine { seal: seal.map(|seal| seal.name.clone()), key, is_old, lacks, cells }
    };
    CensusField {
        table: field.table_label().to_owned(),
        field: job.name.clone(),
        keysets: job.seals().map(|seal| seal.keyset.name().to_owned()).collect(),
        counts: tally.into_iter().map(line).collect(),
    }
}
