//! What a database's catalogue says of itself and of a table.

use crate::{Column, ForeignType, Kind, TableName};

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// An ordinary or partitioned table.
    Table,
    /// A view, materialised or not.
    View,
    /// A table that other tables inherit from, so that no index is unique over all of them.
    InheritanceParent,
    /// A foreign, virtual or otherwise remote table.
    Foreign,
}

/// One column of a table.
#[derive(Clone, Debug)]
pub struct ColumnFacts {
    /// The name, unquoted.
    pub name: String,
    /// How its values travel.
    pub kind: Kind,
    /// Where its type is none of the database's own: the schema of the operators that compare its values.
    pub operators: Option<String>,
    /// Whether its type is an enumeration (PostgreSQL).
    pub enumerated: bool,
    /// The type as the database writes it.
    pub sql_type: String,
    /// Whether NULL is refused.
    pub not_null: bool,
    /// The most characters (text) or bytes (binary) that fit; `None` for no bound below 1 GiB.
    pub max_length: Option<u64>,
    /// Whether the database computes it.
    pub generated: bool,
    /// Whether any update of the row changes it (`ON UPDATE CURRENT_TIMESTAMP`).
    pub touched: bool,
    /// Whether a foreign key of this or another table references it.
    pub referenced: bool,
    /// Whether the connection's user may read and write it.
    pub writable: bool,
}

/// One index of a table.
#[derive(Clone, Debug)]
pub struct IndexFacts {
    /// The name.
    pub name: String,
    /// Its columns in order; `None` for an expression.
    pub columns: Vec<Option<String>>,
    /// The collation of each column where it differs from the column's own, as the dialect writes it.
    pub collations: Vec<Option<String>>,
    /// Whether it is unique.
    pub unique: bool,
    /// Whether it covers part of the table only.
    pub partial: bool,
    /// The most bytes that its columns may have in one row, where the database refuses more.
    pub max_bytes: Option<u64>,
}

/// What the catalogue says of a table.
#[derive(Clone, Debug)]
pub struct TableFacts {
    /// The name that it goes by however a plan spells it: with its schema, where the database has several that a
    /// connection may look in.
    pub name: TableName,
    /// What the name stands for.
    pub relation: Relation,
    /// Its columns in order.
    pub columns: Vec<ColumnFacts>,
    /// Its indexes.
    pub indexes: Vec<IndexFacts>,
    /// Names of the triggers that an UPDATE fires.
    pub update_triggers: Vec<String>,
    /// What those triggers write in other tables, as far as their text tells, on a database that cannot be watched while
    /// it writes.
    pub trigger_writes: Vec<TriggerWrite>,
    /// Functions of others that the connection's user lends privileges by reading or writing the table.
    pub calls: Vec<Called>,
    /// Names of the rules that turn an UPDATE into something else.
    pub update_rules: Vec<String>,
    /// The publication for which the server refuses any update of the table, because nothing identifies its rows there.
    pub unidentified_in: Option<String>,
    /// Whether a guard of ours stands on it.
    pub guards: Vec<String>,
    /// Whether its storage engine has transactions.
    pub transactional: bool,
    /// Columns that decide where a row is stored (the partition key), which no swap may write.
    pub partition_columns: Vec<String>,
}

/// A function that whoever reads or writes a table calls, and that a role owns which has less than the connection's user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// What of the table calls it: `trigger loud`.
    pub by: String,
    /// The function.
    pub function: String,
    /// The role that owns it.
    pub owner: String,
    /// Whether that role owns the table too.
    pub owns_table: bool,
    /// Whether the server may call it already to plan how the table is read.
    pub when_read: bool,
}

/// A column that a trigger writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriggerWrite {
    /// The trigger that an update of the table fires.
    pub trigger: String,
    /// The table that is written in the end, without its schema.
    pub table: String,
    /// The column; `None` where whole rows are replaced.
    pub column: Option<String>,
}

/// Positions in the server's log, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// How far the server has written.
    pub written: u64,
    /// How far the slowest replica has replayed.
    pub replayed: u64,
}

/// The triggers without our own guards, and whether there were any.
pub(crate) fn without_guards(triggers: Vec<String>) -> (Vec<String>, Vec<String>) {
    triggers.into_iter().partition(|name| !name.starts_with(crate::guard::PREFIX))
}

impl ColumnFacts {
    /// The column, as a shape uses it.
    #[must_use]
    pub fn column(&self) -> Column {
        Column {
            name: self.name.clone(),
            kind: self.kind,
            collation: None,
            foreign: self
                .operators
                .clone()
                .map(|operators| ForeignType { name: self.sql_type.clone(), operators }),
        }
    }
}

impl TableFacts {
    /// The column with this name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&ColumnFacts> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The unique, total index whose columns are exactly these, in any order.
    #[must_use]
    pub fn unique_index(&self, columns: &[String]) -> Option<&IndexFacts> {
        self.indexes.iter().find(|index| {
            index.unique
                && !index.partial
                && index.columns.len() == columns.len()
                && index.columns.iter().all(|name| name.as_ref().is_some_and(|name| columns.contains(name)))
        })
    }
}

/// What preflight has to know of the server.
#[derive(Clone, Debug, Default)]
pub struct ServerFacts {
    /// Name and version, for the audit trail.
    pub version: String,
    /// Why the server takes no writes, if it does not (`a standby`, `read_only = ON`).
    pub unwritable: Option<String>,
    /// Why an update under READ COMMITTED would fail or harm replicas, if so.
    pub replication_problem: Option<String>,
    /// The most bytes that the server takes in one statement, where it bounds them (`max_allowed_packet`).
    pub max_packet: Option<u64>,
}
