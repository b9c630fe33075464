//! What the engine works on: a plan with its keys read and its formats built.

pub(crate) mod dek_cache;
pub(crate) mod envelope;
pub(crate) mod fingerprint;
pub(crate) mod hooks;
pub(crate) mod options;
pub(crate) mod pins;
pub(crate) mod reversed;
pub(crate) mod scope;
pub(crate) mod seal;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::BoxFuture;
use jiff::Timestamp;
use reseal_core::{Format, Keyset, Part, Value};
use reseal_store::{AskedPace, GuardKind, TableName};

use crate::error::RunError;
use crate::job::hooks::Hooks;
use dek_cache::DekCache;
use seal::Seal;

/// A plan, ready to be carried out.
#[derive(Clone)]
pub struct Job {
    /// The plan's name.
    pub plan: String,
    /// Digest of what the plan says, without pace and schedule.
    pub digest: String,
    /// How the application reads while cells move.
    pub application: Application,
    /// The keysets, for pins.
    pub keysets: Vec<KeysetJob>,
    /// The tables, in the plan's order.
    pub tables: Vec<TableJob>,
    /// Formats that recognise ciphertext: nothing that one of them recognises counts as plaintext.
    pub recognisers: Vec<Arc<dyn Format>>,
    /// What the sources of keys say of them, beside their bytes.
    pub key_facts: Vec<SourceFacts>,
    /// Columns that discovery must not ask about, as `table.column`.
    pub ignore: Vec<String>,
    /// Triggers that may fire with a swap, and columns outside the plan that may change with it.
    pub side_effects: Vec<String>,
    /// Whether old cells are kept for a rollback.
    pub undo: bool,
    /// How the database is to refuse old keys once the run is complete.
    pub guard: Option<GuardKind>,
    /// How fast.
    pub pace: Pace,
    /// Reads the keysets again from where they are kept.
    pub reread: Option<Reread>,
    /// What KEKs were asked.
    pub deks: Arc<DekCache>,
    /// Steps around a run.
    pub hooks: Arc<Hooks>,
    /// Why its keysets are empty, where the keys may be what the steps of `before` bring. Only a run takes such a job.
    pub keys_missing: Option<RunError>,
}

impl Job {
    /// Whether `side_effects:` names a trigger or a column of a table, alone or with the table's name.
    pub(crate) fn expects(&self, table: &TableJob, name: &str) -> bool {
        let full = format!("{}.{name}", table.name);
        self.side_effects.iter().any(|effect| effect == name || *effect == full)
    }

    /// Whether any field has plaintext among what it is moved from.
    pub(crate) fn encrypts_plaintext(&self) -> bool {
        let mut seals = self.tables.iter().flat_map(|table| &table.fields).flat_map(|field| &field.from);
        seals.any(|seal| seal.format.plaintext)
    }
}

/// Reads the keysets of a job again, in their order.
pub type Reread = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<Arc<Keyset>>, RunError>> + Send + Sync>;

/// How the application reads while cells move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// It opens cells under both keys.
    BothKeys,
    /// It is stopped.
    Paused,
    /// It opens cells under one key only: rows are unreadable to it for a while.
    OneKey,
}

/// What the source of a key says of it, beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key: String,
    /// The state that the application keeps for it, in its own words.
    pub state: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: Option<i64>,
    /// When it expires, in milliseconds since 1970.
    pub expires_at: Option<i64>,
}

impl SourceFacts {
    /// Words for keys that an application seals with no more.
    const GIVEN_UP: [&str; 4] = ["retired", "disabled", "destroyed", "archived"];

    /// Whether a word of the application says that it seals with a key no more.
    #[must_use]
    pub fn gives_up(state: &str) -> bool {
        Self::GIVEN_UP.contains(&state.to_ascii_lowercase().as_str())
    }
}

/// A keyset of a plan.
#[derive(Clone)]
pub struct KeysetJob {
    /// The keys.
    pub keyset: Arc<Keyset>,
    /// Whether labels are roles that move from key to key.
    pub roles: bool,
}

/// One table of the plan.
#[derive(Clone)]
pub struct TableJob {
    /// The table.
    pub name: TableName,
    /// The columns that identify a row.
    pub row_key: Vec<String>,
    /// The column that names a row's tenant.
    pub tenant: Option<String>,
    /// The domain that the table belongs to.
    pub domain: Option<String>,
    /// Which rows are meant, as SQL.
    pub filter: Option<String>,
    /// The column that holds the key of all fields of a row.
    pub key_column: Option<String>,
    /// Whether the plan accepts that cells of a row share one nonce under a fresh key.
    pub shared_nonce: bool,
    /// The fields.
    pub fields: Vec<FieldJob>,
}

impl TableJob {
    /// The fields of which a column holds this part, where there are several.
    fn sharing(&self, wanted: Part) -> Vec<Sharers<'_>> {
        let mut found: Vec<Sharers<'_>> = Vec::new();
        for field in &self.fields {
            for (_, column) in field.columns.iter().filter(|(part, _)| *part == wanted) {
                match found.iter_mut().find(|sharers| sharers.column == column) {
                    Some(sharers) => sharers.fields.push(field),
                    None => found.push(Sharers { column, fields: vec![field] }),
                }
            }
        }
        found.retain(|sharers| sharers.fields.len() > 1);
        found
    }
}

/// A column that is a part of the cells of several fields.
struct Sharers<'j> {
    column: &'j str,
    fields: Vec<&'j FieldJob>,
}

/// One field of a table.
#[derive(Clone)]
pub struct FieldJob {
    /// The field's name: its column, where it lies in one.
    pub name: String,
    /// What its cells must end with.
    pub to: Arc<Seal>,
    /// What they may still have.
    pub from: Vec<Arc<Seal>>,
    /// Where its parts lie.
    pub columns: Vec<(Part, String)>,
    /// Columns that hold a copy of a part.
    pub mirrors: Vec<(Part, String)>,
    /// The column that shows why the cell is in quarantine.
    pub last_error: Option<String>,
    /// How the parts are written in their columns.
    pub encoding: CellEncoding,
}

impl FieldJob {
    /// The seals that its cells may have: the one that they must end with first.
    pub(crate) fn seals(&self) -> impl Iterator<Item = &Seal> {
        std::iter::once(&self.to).chain(&self.from).map(AsRef::as_ref)
    }

    /// Every column that a run writes for this field.
    pub(crate) fn written(&self) -> impl Iterator<Item = &String> {
        let parts = self.columns.iter().chain(&self.mirrors).map(|(_, name)| name);
        parts.chain(&self.last_error)
    }
}

/// How the parts of a cell in several columns are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellEncoding {
    /// As they are.
    Raw,
    /// Base64 with padding.
    Base64,
    /// Hexadecimal.
    Hex,
}

impl CellEncoding {
    /// The part behind what the column holds; `None` where it does not decode.
    #[must_use]
    pub fn decode(self, value: &Value) -> Option<Cow<'_, Value>> {
        if value.is_null() || self == CellEncoding::Raw {
            return Some(Cow::Borrowed(value));
        }
        let bytes = value.bytes()?;
        let decoded = match self {
            CellEncoding::Base64 => STANDARD.decode(&bytes).ok(),
            _ => hex::decode(&bytes).ok(),
        };
        decoded.map(Value::Bytes).map(Cow::Owned)
    }

    /// What the column is to hold for a part.
    #[must_use]
    pub fn encode(self, value: Value) -> Value {
        match (self, value.bytes()) {
            (CellEncoding::Raw, _) | (_, None) => value,
            (CellEncoding::Base64, Some(bytes)) => Value::Text(STANDARD.encode(&bytes)),
            (CellEncoding::Hex, Some(bytes)) => Value::Text(hex::encode(&bytes)),
        }
    }
}

/// How fast a run goes.
#[derive(Clone)]
pub struct Pace {
    /// Rows of a batch; `None` finds the number by itself.
    pub rows: Option<usize>,
    /// How long a batch may take.
    pub target: Duration,
    /// Bytes of a batch.
    pub bytes: usize,
    /// Ranges that are worked on at once.
    pub workers: usize,
    /// The most rows a second, over all workers.
    pub rows_per_second: Option<u32>,
    /// How far a replica may lag behind.
    pub max_lag: Option<Duration>,
    /// While this file exists, the run waits.
    pub pause_file: Option<PathBuf>,
    /// When it may run; `None`: always.
    pub is_open: Option<Arc<dyn Fn(Timestamp) -> bool + Send + Sync>>,
}

#[cfg(test)]
impl Default for Pace {
    /// Nothing bounded, one worker.
    fn default() -> Self {
        Pace {
            rows: None,
            target: Duration::from_millis(100),
            bytes: usize::MAX,
            workers: 1,
            rows_per_second: None,
            max_lag: None,
            pause_file: None,
            is_open: None,
        }
    }
}

impl Job {
    /// The same job at the pace that was asked for, where any was.
    pub(crate) fn at_pace(self: &Arc<Job>, asked: AskedPace) -> Arc<Job> {
        if asked == AskedPace::default() {
            return self.clone();
        }
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let pace = Pace {
            rows: asked.batch_rows.map(count).or(self.pace.rows),
            workers: asked.workers.map_or(self.pace.workers, count),
            ..self.pace.clone()
        };
        Arc::new(Job { pace, ..Job::clone(self) })
    }

    /// The nonces that several cells of a row share under a fresh key, each with the names of its fields.
    #[must_use]
    pub fn shared_nonces(&self) -> Vec<String> {
        let mut shared = Vec::new();
        for table in self.tables.iter().filter(|table| table.shared_nonce) {
            for Sharers { column, fields } in table.sharing(Part::Nonce) {
                let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
                shared.push(format!("{}.{column} ({})", table.name, names.join(", ")));
            }
        }
        shared
    }

    /// The same job for the rows that the conditions of its tables leave out; `None` where there are no conditions.
    pub(crate) fn of_rows_left_out(self: &Arc<Job>) -> Option<Arc<Job>> {
        let left_out = |table: &TableJob| {
            // A condition that is NULL for a row leaves it out too.
            let filter = format!("({}\n) IS NOT TRUE", table.filter.as_ref()?);
            Some(TableJob { filter: Some(filter), ..table.clone() })
        };
        let tables: Vec<TableJob> = self.tables.iter().filter_map(left_out).collect();
        (!tables.is_empty()).then(|| Arc::new(Job { tables, ..Job::clone(self) }))
    }

    /// Keyset to primary, as the ledger notes it.
    #[must_use]
    pub fn primaries(&self) -> BTreeMap<String, String> {
        self.keysets
            .iter()
            .filter_map(|job| Some((job.keyset.name().to_owned(), job.keyset.primary()?.id().to_owned())))
            .collect()
    }
}
