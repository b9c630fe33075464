//! Which tables a run works on: found once when it begins, compared where it is resumed or rolled back.
//!
//! Where the database says that a table is the very same, that is all. Where it cannot tell, or says that it is another
//! one, the data decides: cells that the run wrote are looked up by what undo keeps of them. A table that was rebuilt
//! holds them, another table of the same name does not.

mod evidence;

use std::sync::Arc;

use reseal_store::{
    Column, ColumnName, Found, Likeness, NotedTable, RunLease, RunRow, RunTable, Session, ShardRow,
    StoreError, TableFacts, TableName, Trouble, row_key_text,
};
use tracing::warn;

use crate::cell::layout::in_scope;
use crate::cell::target::Target;
use crate::commit::Commit;
use crate::error::{IdentityRefused, OtherTable, RunError, ScopeError};
use crate::job::scope::Scope;
use crate::job::{FieldJob, Job, TableJob};
use evidence::Evidence;

/// A table of the job as the database has it now.
pub(crate) struct Resolved {
    /// What is recorded of it.
    pub(crate) table: RunTable,
    /// The columns of it that the job writes.
    columns: Vec<String>,
}

/// Finds the tables in scope, by the names that the plan gives them.
pub(crate) async fn resolve(
    session: &mut Session,
    job: &Job,
    scope: &Scope,
) -> Result<Vec<Resolved>, RunError> {
    let mut resolved = Vec::new();
    for at in in_scope(job, scope)? {
        let table = &job.tables[at];
        resolved.push(find(session, table, &table.name).await?);
    }
    Ok(resolved)
}

/// Finds a table of the job by a name.
async fn find(session: &mut Session, table: &TableJob, name: &TableName) -> Result<Resolved, RunError> {
    let facts = session.describe(name).await?;
    let gone = || StoreError::new(Trouble::Missing, format!("table `{name}` does not exist"));
    let identity = session.identify(&facts.name).await?.ok_or_else(gone)?;
    let row_key = row_key(table, &facts);
    Ok(Resolved {
        table: RunTable { label: table.name.to_string(), identity, row_key },
        columns: written(table),
    })
}

fn row_key(table: &TableJob, facts: &TableFacts) -> String {
    let column = |name: &String| Some(facts.column(name)?.column());
    let columns: Vec<Column> = table.row_key.iter().filter_map(column).collect();
    row_key_text(&columns)
}

fn written(table: &TableJob) -> Vec<String> {
    let of_fields = table.fields.iter().flat_map(FieldJob::written);
    let mut names: Vec<String> = Vec::new();
    for name in of_fields.chain(&table.key_column) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// The columns that a run of these tables claims, by the tables' own names: plans may spell one in several ways.
pub(crate) fn claims(tables: &[Resolved]) -> Vec<ColumnName> {
    let of_table = |Resolved { table: RunTable { identity, .. }, columns }: &Resolved| {
        let (table, identity) = (identity.name.to_string(), identity.claimed_as());
        let claim = move |column: &String| ColumnName {
            table: table.clone(),
            identity: identity.clone(),
            column: column.clone(),
        };
        columns.iter().map(claim).collect::<Vec<_>>()
    };
    let mut claims: Vec<ColumnName> = Vec::new();
    for claim in tables.iter().flat_map(of_table) {
        if !claims.contains(&claim) {
            claims.push(claim);
        }
    }
    claims
}

/// The tables of a run as they are now.
#[derive(Default)]
pub(crate) struct Compared {
    /// Those that are to be recorded again.
    pub(crate) changed: Vec<NotedTable>,
    /// The columns that the run claims.
    pub(crate) columns: Vec<ColumnName>,
}

/// Finds the tables of a run again, and holds them against what it recorded. `accepted` are the tables of which somebody
/// says that they are the run's.
///
/// # Errors
/// [`IdentityRefused`] where a table is not the one that the run worked on; when the database refuses.
pub(crate) async fn compare(
    session: &mut Session,
    run: &RunRow,
    targets: &[Arc<Target>],
    accepted: &[String],
) -> Result<Compared, RunError> {
    let Some(job) = targets.first().map(|target| target.job.clone()) else { return Ok(Compared::default()) };
    known(&job, accepted)?;
    let now = resolve(session, &job, &Scope::from_json(&run.scope)).await?;
    let changed = changed(session, run, targets, &now, accepted).await?;
    Ok(Compared { changed, columns: claims(&now) })
}

/// The tables that are not as they were recorded, and the run's all the same.
async fn changed(
    session: &mut Session,
    run: &RunRow,
    targets: &[Arc<Target>],
    now: &[Resolved],
    accepted: &[String],
) -> Result<Vec<NotedTable>, RunError> {
    let recorded = session.run_tables(&run.id).await?;
    let shards = session.shards(&run.id).await?;
    let mut changed = Vec::new();
    for Resolved { table, .. } in now {
        let Some(target) = targets.iter().find(|target| target.label() == table.label) else { continue };
        let was = recorded.iter().find(|was| was.label == table.label);
        let of_table = OfTable { run, target, was, now: table, shards: &shards };
        let is_accepted = accepted.contains(&table.label);
        if let Some(found) = of_table.found(session, is_accepted).await? {
            of_table.tell(found);
            changed.push(NotedTable { table: table.clone(), found });
        }
    }
    Ok(changed)
}

/// Finds the tables of a run again where it has worked on them until now: by their own names, whatever those of the plan
/// have come to stand for.
///
/// # Errors
/// As for [`compare`].
pub(crate) async fn still_there(
    session: &mut Session,
    lease: &RunLease,
    run: &RunRow,
    targets: &[Arc<Target>],
) -> Result<(), RunError> {
    let mut now = Vec::new();
    for target in targets {
        now.push(find(session, target.table(), &target.shape.table).await?);
    }
    let changed = changed(session, run, targets, &now, &[]).await?;
    Commit::new(session, lease).tables(&changed, &claims(&now), &run.operator).await
}

/// [`compare`] while the run is held: what is found is recorded.
///
/// # Errors
/// As for [`compare`].
pub(crate) async fn keep(
    session: &mut Session,
    lease: &RunLease,
    run: &RunRow,
    targets: &[Arc<Target>],
) -> Result<Vec<NotedTable>, RunError> {
    let Compared { changed, columns } = compare(session, run, targets, &[]).await?;
    Commit::new(session, lease).tables(&changed, &columns, &run.operator).await?;
    Ok(changed)
}

/// Refuses names that the plan does not have.
fn known(job: &Job, accepted: &[String]) -> Result<(), RunError> {
    let labels: Vec<String> = job.tables.iter().map(|table| table.name.to_string()).collect();
    match accepted.iter().find(|name| !labels.contains(name)) {
        None => Ok(()),
        Some(name) => Err(ScopeError::NoSuchTable { name: name.clone(), tables: labels.join(", ") }.into()),
    }
}

/// A table of a run, as it was recorded and as it is.
struct OfTable<'t> {
    run: &'t RunRow,
    target: &'t Arc<Target>,
    was: Option<&'t RunTable>,
    now: &'t RunTable,
    shards: &'t [ShardRow],
}

impl OfTable<'_> {
    /// How the table came to be the run's; `None` where it is the very same.
    async fn found(&self, session: &mut Session, accepted: bool) -> Result<Option<Found>, RunError> {
        let likeness = self.was.map(|was| match was.row_key == self.now.row_key {
            true => was.identity.likeness(&self.now.identity),
            false => Likeness::Other,
        });
        if likeness == Some(Likeness::Same) {
            let moved = self.was.is_some_and(|was| was.identity.name != self.now.identity.name);
            return Ok(moved.then_some(Found::Rebuilt));
        }
        if accepted {
            return Ok(Some(Found::Accepted));
        }
        match likeness {
            Some(Likeness::Other) => self.is_rebuilt(session).await?,
            likeness => self.is_not_another(session, likeness == Some(Likeness::InPlace)).await?,
        }
        let unchanged = self.was.is_some_and(|was| was == self.now);
        Ok(match self.was {
            None => Some(Found::Unrecorded),
            Some(_) => (!unchanged).then_some(Found::Rebuilt),
        })
    }

    /// Of a table that the database says is another: it is the run's if most of what the run wrote stands there.
    async fn is_rebuilt(&self, session: &mut Session) -> Result<(), RunError> {
        let Some(was) = self.was else { return Ok(()) };
        if was.row_key != self.now.row_key {
            let other = self.other(was.row_key.clone(), self.now.row_key.clone());
            return Err(IdentityRefused::RowKey(other).into());
        }
        let other = self.other(was.identity.for_people(), self.now.identity.for_people());
        let in_place = session.identify(&was.identity.name).await?;
        if in_place.is_some_and(|there| was.identity.likeness(&there) == Likeness::Same) {
            return Err(IdentityRefused::Elsewhere(other).into());
        }
        match self.evidence(session).await? {
            Evidence::Undo(looked) if !looked.is_most() => Err(looked.refused(other).into()),
            Evidence::Untouched | Evidence::Undo(_) => Ok(()),
            Evidence::Cells(_) | Evidence::GivenUp => Err(IdentityRefused::NothingKept(other).into()),
        }
    }

    /// Of a table that the database tells by its name alone: it is another if nothing of what the run wrote stands there or,
    /// where it was certainly rebuilt, less than most of it. In the run's own place in the file (`in_place`), an application may
    /// have written over all of it.
    async fn is_not_another(&self, session: &mut Session, in_place: bool) -> Result<(), RunError> {
        let replaced = self.was.is_some_and(|was| was.identity.was_replaced(&self.now.identity));
        let (looked, may_be) = match self.evidence(session).await? {
            Evidence::Untouched | Evidence::GivenUp => return Ok(()),
            Evidence::Undo(looked) if replaced => (looked, looked.is_most()),
            Evidence::Undo(looked) if in_place => (looked, looked.is_later()),
            Evidence::Undo(looked) | Evidence::Cells(looked) => (looked, looked.stand > 0),
        };
        if may_be {
            return Ok(());
        }
        let now = self.now.identity.for_people();
        let other = self.other(self.was.map_or_else(|| "not recorded".to_owned(), |_| now.clone()), now);
        Err(match looked.looked {
            0 => IdentityRefused::NothingKept(other),
            _ => looked.refused(other),
        }
        .into())
    }

    fn other(&self, was: String, now: String) -> OtherTable {
        OtherTable { table: self.now.label.clone(), run: self.run.id.clone(), was, now }
    }

    /// Says that a table is not what was recorded. Where its database cannot tell, other tables may have changed as well.
    fn tell(&self, found: Found) {
        let (table, run, now) = (&self.now.label, &self.run.id, self.now.identity.for_people());
        let replaced = self.was.is_some_and(|was| {
            was.identity.was_replaced(&self.now.identity)
                || was.identity.likeness(&self.now.identity) == Likeness::Other
        });
        match found {
            Found::Rebuilt if replaced => warn!(
                "table `{table}` was rebuilt after run {run} worked on it and contains what the run wrote; \
                 it is now {now}"
            ),
            Found::Accepted => {
                warn!("table `{table}` is accepted as the one that run {run} worked on; it is now {now}");
            }
            Found::Began | Found::Rebuilt | Found::Unrecorded => {}
        }
    }
}
