//! Columns that nobody thought of: outside the plan, and yet with cells that a key of the plan opens, or that look
//! like a known ciphertext. Documents and lists are looked at string by string. What additional data and derivation read is
//! taken from a cell's own row, where it has such columns.
//!
//! Before a run a sample of each column is looked at; before a key is retired, all of it.

mod cells;
mod column;
mod findings;
mod key_ids;
mod names;
mod parts;
mod shapes;
mod table;

use std::sync::Arc;

use reseal_core::Key;
use reseal_store::{Database, Relation, Rows, Session, StoreError, TableName, Trouble};
use tokio::sync::mpsc::{Receiver, channel};

use crate::error::RunError;
use crate::finding::Finding;
use crate::job::{Job, TableJob};
use findings::{before_a_run, of_a_key};
use table::{Purpose, TableSearch};

/// Values of a column that are looked at before a run.
const BEFORE_A_RUN: u64 = 50;
/// Bytes of a chunk of rows on its way from the database.
const CHUNK_BYTES: usize = 1 << 20;

/// What there is outside the plan of a key that is retired.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// What keeps the key.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and what was and is to be ignored: by name, each in a line.
    pub unseen: Vec<String>,
}

/// Looks at all values of every column outside the plan, before a key is retired. `key` is `None` where the plan does not
/// have it any more. Writes nothing.
///
/// # Errors
/// When the connection is lost.
pub async fn outside(job: &Arc<Job>, database: &Database, key: Option<&Key>) -> Result<Outside, RunError> {
    let database = &database.read_only();
    let mut session = database.connect().await?;
    let tables = OwnTables::of(&mut session, job).await?;
    let mut outside = Outside::default();
    for name in session.tables().await? {
        let mut search = match tables.search(&mut session, &name, Purpose::GiveUp(key)).await? {
            Ok(search) => search,
            Err(why) => {
                outside.unseen.push(format!("not checked: {name} ({why})"));
                continue;
            }
        };
        let mut whole = Whole { database, session: &mut session, unseen: &mut outside.unseen };
        whole.read(&mut search).await?;
        search.finish();
        of_a_key(&search, key, &mut outside);
    }
    Ok(outside)
}

pub(super) async fn look(session: &mut Session, job: &Arc<Job>) -> Result<Vec<Finding>, RunError> {
    let tables = OwnTables::of(session, job).await?;
    let mut findings = Vec::new();
    for name in session.tables().await? {
        let Ok(mut search) = tables.search(session, &name, Purpose::Run).await? else { continue };
        for at in 0..search.columns.len() {
            let column = search.columns[at].column.clone();
            let rows = session.sample(&name, &column, &search.beside, BEFORE_A_RUN).await;
            // A column that cannot be read is not in the way of the run.
            for row in rows.unwrap_or_default() {
                if let Some((value, beside)) = row.split_first() {
                    search.add(at, value, beside).await?;
                }
            }
        }
        search.finish();
        findings.extend(before_a_run(&search));
    }
    Ok(findings)
}

/// The tables of the plan, by the names that the database calls them.
struct OwnTables<'j> {
    job: &'j Job,
    names: Vec<TableName>,
}

impl<'j> OwnTables<'j> {
    async fn of(session: &mut Session, job: &'j Job) -> Result<Self, RunError> {
        let mut names = Vec::new();
        for table in &job.tables {
            let facts = session.describe(&table.name).await;
            names.push(facts.map_or_else(|_| table.name.clone(), |facts| facts.name));
        }
        Ok(OwnTables { job, names })
    }

    /// How a table is searched; or why it is not.
    async fn search(
        &self,
        session: &mut Session,
        name: &TableName,
        purpose: Purpose<'j>,
    ) -> Result<Result<TableSearch<'j>, &'static str>, RunError> {
        let facts = match session.describe(name).await {
            Ok(facts) => facts,
            Err(error) if error.trouble == Trouble::Missing => return Ok(Err("it no longer exists")),
            Err(error) => return Err(error.into()),
        };
        if facts.relation == Relation::Foreign {
            return Ok(Err("it is a foreign or virtual table"));
        }
        let mut planned = self.job.tables.iter().zip(&self.names).filter(|(_, own)| **own == facts.name);
        let planned: Option<&TableJob> = planned.next().map(|(table, _)| table);
        if facts.calls.iter().any(|called| called.when_read && !(called.owns_table && planned.is_some())) {
            return Ok(Err(
                "reading it would call a function of another role, with more privileges than that role has",
            ));
        }
        let by_value = session.capabilities().types_by_value;
        Ok(Ok(TableSearch::new(self.job, name.clone(), facts, planned, purpose, by_value)))
    }
}

/// Reads whole tables.
struct Whole<'w> {
    database: &'w Database,
    session: &'w mut Session,
    unseen: &'w mut Vec<String>,
}

impl Whole<'_> {
    /// All columns in one go; where the database refuses, one by one, so that the one that it refuses has a name.
    async fn read(&mut self, search: &mut TableSearch<'_>) -> Result<(), RunError> {
        let all: Vec<usize> = (0..search.columns.len()).collect();
        if all.is_empty() || self.columns(search, &all).await?.is_ok() {
            return Ok(());
        }
        for at in all {
            if let Err(error) = self.columns(search, &[at]).await? {
                let column = &search.columns[at].column.name;
                self.unseen.push(format!("not checked: {}.{column} ({error})", search.label));
            }
        }
        Ok(())
    }

    async fn columns(
        &mut self,
        search: &mut TableSearch<'_>,
        at: &[usize],
    ) -> Result<Result<(), StoreError>, RunError> {
        let columns: Vec<_> = at.iter().map(|at| search.columns[*at].column.clone()).collect();
        let (name, beside) = (search.name.clone(), search.beside.clone());
        let (chunks_in, chunks) = channel(1);
        let session = &mut *self.session;
        let reads = async move {
            // Gone once all is read: then no more chunks come.
            let chunks_in = chunks_in;
            session.search(&name, &columns, &beside, CHUNK_BYTES, &chunks_in).await
        };
        let (read, taken) = tokio::join!(reads, take(search, at, chunks));
        let early = taken?;
        if early || read.is_err() {
            // What was left in the middle of an answer is good for nothing else.
            *self.session = self.database.connect().await?;
        }
        match read {
            Err(error) if error.trouble == Trouble::ConnectionLost => Err(error.into()),
            read => Ok(read),
        }
    }
}

/// Takes rows until no more come; true where it ended before, since nothing more could be learned.
async fn take(
    search: &mut TableSearch<'_>,
    at: &[usize],
    mut chunks: Receiver<Rows>,
) -> Result<bool, RunError> {
    while let Some(rows) = chunks.recv().await {
        for row in rows {
            let row = row?;
            let (values, beside) = row.values.split_at(at.len());
            for (at, value) in at.iter().zip(values) {
                search.add(*at, value, beside).await?;
            }
        }
        if search.is_settled() {
            return Ok(true);
        }
    }
    Ok(false)
}
