//! One row's cells looked at.

use std::sync::Arc;

use reseal_core::{Key, Value};
use reseal_store::{Database, Kind, Row, RowKey, Session};

use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::field::FieldTarget;
use crate::cell::layout::layout;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::{Target, integer};
use crate::error::{RunError, ScopeError};
use crate::job::Job;
use crate::job::scope::Scope;
use crate::reason::Reason;

/// One cell, as `inspect` shows it: never its plaintext.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The field, as the plan names it.
    pub field: String,
    /// The seal that opens or recognises it.
    pub seal: Option<String>,
    /// The key that opens it.
    pub key: Option<String>,
    /// `current`, `old`, `null`, or why it does not open.
    pub state: String,
    /// Size of its parts in bytes.
    pub bytes: usize,
}

/// Opens the cells of one row and says what they are.
///
/// # Errors
/// When the table is not in the plan, the row key does not fit, or there is no such row.
pub async fn inspect(
    job: &Arc<Job>,
    database: &Database,
    table: &str,
    row: &str,
) -> Result<Vec<Inspected>, RunError> {
    let mut session = database.read_only().connect().await?;
    let scope = Scope { tables: vec![table.to_owned()], ..Scope::default() };
    let targets = layout(&mut session, job, &scope).await?;
    let Some(target) = targets.first() else {
        return Err(ScopeError::NoTableToInspect { name: table.to_owned() }.into());
    };
    let row = find(&mut session, target, table, row).await?;
    let deks = prepare(target, std::slice::from_ref(&row), Stage::Open).await?;
    Ok(target.fields.iter().map(|field| Inspected::of(field, &row, deks.as_deref())).collect())
}

async fn find(session: &mut Session, target: &Target, table: &str, row: &str) -> Result<Row, RunError> {
    let kinds: Vec<Kind> = target.shape.key.iter().map(|column| column.kind).collect();
    let key = row_key(row, &kinds)
        .ok_or_else(|| ScopeError::RowKey { row: row.to_owned(), table: table.to_owned() })?;
    let rows = session.rows_by_key(&target.shape, &[key]).await?;
    let missing = || ScopeError::NoSuchRow { table: table.to_owned(), row: row.to_owned() };
    rows.into_iter().next().ok_or_else(|| missing().into())
}

impl Inspected {
    fn of(field: &FieldTarget, row: &Row, deks: Option<&Deks>) -> Inspected {
        let CellState { seal, key, standing, .. } = CellState::of(field, row, deks);
        Inspected {
            field: field.job().name.clone(),
            seal: seal.map(str::to_owned),
            key: key.map(str::to_owned),
            state: standing.name().to_owned(),
            bytes: field.cell(&row.values).map_or(0, |cell| cell.size()),
        }
    }
}

/// What a cell turns out to be: the one answer that `inspect` and the sample of a check both give.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellState<'j> {
    /// The seal that opens or recognises it.
    pub(crate) seal: Option<&'j str>,
    /// The key that opens it.
    pub(crate) key: Option<&'j str>,
    pub(crate) standing: CellStanding,
    /// Whether nothing authenticates it, although cells of its format can be.
    pub(crate) unauthenticated: bool,
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellStanding {
    /// SQL NULL.
    Null,
    /// Under the primary of the seal that it must end with.
    Current,
    /// It opens, and a run has to move it.
    Old,
    /// It does not open, or cannot be sealed again.
    Broken(Reason),
}

impl CellStanding {
    /// The word or the code that people see.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CellStanding::Null => "null",
            CellStanding::Current => "current",
            CellStanding::Old => "old",
            CellStanding::Broken(reason) => reason.name(),
        }
    }
}

impl<'j> CellState<'j> {
    /// Opens the cell of a field in a row.
    pub(crate) fn of(field: &'j FieldTarget, row: &Row, deks: Option<&Deks>) -> CellState<'j> {
        let name = |at: usize| field.job().seals().nth(at).map(|seal| seal.name.as_str());
        let mut unauthenticated = false;
        let (seal, key, standing) = match field.open_with_mirrors(row, Trust::Nothing, deks) {
            Opening::Null => (None, None, CellStanding::Null),
            Opening::Marked | Opening::Shut(_) => (name(0), None, CellStanding::Current),
            Opening::Opened(cell) => {
                let standing = if cell.current { CellStanding::Current } else { CellStanding::Old };
                unauthenticated = cell.lacks_authentication(field.job());
                (name(cell.seal), cell.key.map(Key::id), standing)
            }
            Opening::Broken(fault) => (fault.seal.and_then(name), None, CellStanding::Broken(fault.reason)),
        };
        CellState { seal, key, standing, unauthenticated }
    }
}

/// A row key as people write it: its parts joined by commas, or the JSON of the ledger.
fn row_key(text: &str, kinds: &[Kind]) -> Option<RowKey> {
    if let Some(key) = RowKey::decode(text) {
        return Some(key);
    }
    let parts: Vec<&str> =
        if kinds.len() == 1 { vec![text] } else { text.split(',').map(str::trim).collect() };
    if parts.len() != kinds.len() {
        return None;
    }
    let values = parts.into_iter().zip(kinds).map(|(part, kind)| match kind {
        Kind::Int => integer(part),
        Kind::Uuid => hex::decode(part.replace('-', "")).ok()?.try_into().ok().map(Value::Uuid),
        Kind::Binary => hex::decode(part.trim_start_matches("0x")).ok().map(Value::Bytes),
        _ => Some(Value::Text(part.to_owned())),
    });
    values.collect::<Option<Vec<_>>>().map(RowKey)
}
