//! What is read from a table and written to it.

use std::fmt;
use std::sync::Arc;

use reseal_core::Value;

use crate::RowKey;

/// A table's name, with its schema where the database has schemas.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The schema; `None` for the one that the connection finds first.
    pub schema: Option<String>,
    /// The name, unquoted.
    pub name: String,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// How a column's values travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Integers up to 64 bits; those of 64 bits without a sign that need the last one travel as the text of their digits.
    Int,
    /// Characters.
    Text,
    /// Bytes.
    Binary,
    /// PostgreSQL's `uuid`, MariaDB's `uuid`.
    Uuid,
    /// JSON: read for discovery, never rotated.
    Json,
    /// Anything else: read as text, never written.
    Other,
}

impl Kind {
    /// The kind's name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Int => "integer",
            Kind::Text => "text",
            Kind::Binary => "binary",
            Kind::Uuid => "uuid",
            Kind::Json => "json",
            Kind::Other => "other",
        }
    }
}

/// A column as a [`Shape`] uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The name, unquoted.
    pub name: String,
    /// How its values travel.
    pub kind: Kind,
    /// For a row-key column: the collation of its index, where it has one of its own, as the dialect writes it.
    pub collation: Option<String>,
    /// Its type, where that is none of the database's own.
    pub foreign: Option<ForeignType>,
}

/// A type that is none of the database's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignType {
    /// The type as SQL names it: what a value is cast to before it is compared.
    pub name: String,
    /// The schema of the operators that compare its values.
    pub operators: String,
}

/// What is read from a table, what of it is written, and by which order rows are paged.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The table.
    pub table: TableName,
    /// The columns that identify a row, in paging order.
    pub key: Vec<Column>,
    /// The columns that a swap writes, and compares before it writes.
    pub cells: Vec<Column>,
    /// The columns that are read and compared, never written: those that AAD and key derivation use.
    pub context: Vec<Column>,
    /// Columns that the server would change with any update unless they are set to themselves
    /// (`ON UPDATE CURRENT_TIMESTAMP`).
    pub keep: Vec<String>,
    /// The plan's `where`, as SQL.
    pub filter: Option<String>,
    /// Column and value that narrow the rows further (`--tenant`).
    pub only: Option<(Column, Value)>,
    /// Whether what a swap has stored is read back and compared before it is committed.
    pub read_back: bool,
    /// What is compared then, beside the cells themselves.
    pub watch: Arc<Watch>,
}

/// What must not change with a swap, beside the cells that it writes.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// Columns of the table that nobody expects to change.
    pub beside: Vec<String>,
    /// The tables of the plan, this one among them: of rows that are not swapped, nobody may write the cells.
    pub planned: Vec<Planned>,
}

/// A table whose cells are written by swaps alone.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The table.
    pub table: TableName,
    /// The columns of its row key.
    pub key: Vec<String>,
    /// The columns of its cells.
    pub cells: Vec<String>,
}

impl Shape {
    /// The same, with every swap read back.
    #[must_use]
    pub fn with_read_back(&self) -> Shape {
        Shape { read_back: true, ..self.clone() }
    }
}

/// One row's new cells, and what must still be there for them to be written.
#[derive(Clone, Debug)]
pub struct Swap {
    /// The row.
    pub key: RowKey,
    /// What [`Row::values`](crate::Row) held. May be empty where there is a version: the swap is then compared by nothing
    /// else.
    pub old: Vec<Value>,
    /// The new values of the cells' columns.
    pub new: Vec<Value>,
    /// The row's version, where the database has one.
    pub version: Option<u32>,
    /// What of it may be plaintext. Servers log what they are sent, so no old value is sent then: versions are compared, or the
    /// row is locked, read and compared here.
    pub may_be_plain: MayBePlain,
}

/// Which values of a row may be plaintext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MayBePlain {
    /// None.
    #[default]
    Nothing,
    /// An old value that is replaced.
    Replaced,
    /// A value that stays as it is, because it could not be opened. It is not sent as a new value either.
    Kept,
}

impl Swap {
    /// Whether the value in this place stays as it is, and may be plaintext.
    #[must_use]
    pub fn withholds(&self, place: usize) -> bool {
        let stays = || self.old.get(place) == self.new.get(place) && !self.new[place].is_null();
        self.may_be_plain == MayBePlain::Kept && stays()
    }

    /// Whether any old value may be plaintext.
    #[must_use]
    pub fn may_hold_plaintext(&self) -> bool {
        self.may_be_plain != MayBePlain::Nothing
    }

    /// Whether any value is withheld.
    #[must_use]
    pub fn withholds_any(&self) -> bool {
        (0..self.new.len()).any(|place| self.withholds(place))
    }
}
