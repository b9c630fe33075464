//! Which table of a database a name stands for: not the name, but what the database itself tells its tables by.

use crate::{Column, TableName};

/// A table, by what its database tells its tables by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableIdentity {
    /// Schema and name, as the catalogue has them.
    pub name: TableName,
    /// What tells the table from others.
    pub mark: TableMark,
}

/// What a database tells a table by, beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableMark {
    /// PostgreSQL: the oids of database and table. Nothing that rebuilds the table in place changes them.
    Oids {
        /// The database.
        database: i64,
        /// The table.
        table: i64,
    },
    /// MariaDB, MySQL: nothing but the name. The number of the table's storage proves that nothing was rebuilt, where the
    /// user may see it; another number proves nothing.
    Storage(Option<i64>),
    /// SQLite: the file. The number of its schema's changes proves that nothing was rebuilt; another number proves nothing.
    File {
        /// The file, with its whole path.
        path: String,
        /// How often its schema was changed.
        schema_version: i64,
    },
}

/// How a table that was found again compares with the one that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The very same table.
    Same,
    /// It may be the same: the database tells its tables by their names alone, and the name is the same.
    Unproven,
    /// Another table.
    Other,
}

const OIDS: &str = "oid";
const STORAGE: &str = "storage";
const FILE: &str = "schema_version";

impl TableIdentity {
    /// How a table that was found later compares with this one.
    #[must_use]
    pub fn likeness(&self, now: &TableIdentity) -> Likeness {
        let by_name = |proven: bool| match self.name == now.name {
            true if proven => Likeness::Same,
            true => Likeness::Unproven,
            false => Likeness::Other,
        };
        match (&self.mark, &now.mark) {
            (TableMark::Oids { .. }, TableMark::Oids { .. }) if self.mark == now.mark => Likeness::Same,
            (TableMark::Storage(before), TableMark::Storage(now)) => {
                by_name(before.is_some() && before == now)
            }
            (
                TableMark::File { path, schema_version },
                TableMark::File { path: now, schema_version: then },
            ) if path == now => by_name(schema_version == then),
            _ => Likeness::Other,
        }
    }

    /// Whether a table of the same name was certainly rebuilt, or another put in its place.
    #[must_use]
    pub fn was_replaced(&self, now: &TableIdentity) -> bool {
        let numbers = (&self.mark, &now.mark);
        matches!(numbers, (TableMark::Storage(Some(before)), TableMark::Storage(Some(now))) if before != now)
    }

    /// What no two tables of the database have in common: claims are unique by it, whatever a table is called.
    #[must_use]
    pub fn claimed_as(&self) -> String {
        match &self.mark {
            TableMark::Oids { .. } => self.mark.encode(),
            TableMark::Storage(_) | TableMark::File { .. } => self.name.to_string(),
        }
    }

    /// The table in messages.
    #[must_use]
    pub fn for_people(&self) -> String {
        match &self.mark {
            TableMark::Oids { database, table } => {
                format!("{} (oid {table} of database {database})", self.name)
            }
            TableMark::Storage(_) => self.name.to_string(),
            TableMark::File { path, .. } => format!("{} of {path}", self.name),
        }
    }
}

impl TableMark {
    /// The text in the ledger.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            TableMark::Oids { database, table } => format!("{OIDS} {database} {table}"),
            TableMark::Storage(Some(number)) => format!("{STORAGE} {number}"),
            TableMark::Storage(None) => STORAGE.to_owned(),
            TableMark::File { path, schema_version } => format!("{FILE} {schema_version} {path}"),
        }
    }

    /// Reads what [`TableMark::encode`] gave; `None` for any other text.
    #[must_use]
    pub fn decode(text: &str) -> Option<TableMark> {
        if text == STORAGE {
            return Some(TableMark::Storage(None));
        }
        let (kind, rest) = text.split_once(' ')?;
        match kind {
            OIDS => {
                let (database, table) = rest.split_once(' ')?;
                Some(TableMark::Oids { database: database.parse().ok()?, table: table.parse().ok()? })
            }
            STORAGE => rest.parse().ok().map(Some).map(TableMark::Storage),
            FILE => {
                let (version, path) = rest.split_once(' ')?;
                Some(TableMark::File { path: path.to_owned(), schema_version: version.parse().ok()? })
            }
            _ => None,
        }
    }
}

/// A row key as the ledger notes it: its columns with the kinds of their values, in an order that no index decides.
#[must_use]
pub fn row_key_text(columns: &[Column]) -> String {
    let mut texts: Vec<String> =
        columns.iter().map(|column| format!("{} {}", column.name, column.kind.name())).collect();
    texts.sort();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(schema: &str, mark: TableMark) -> TableIdentity {
        TableIdentity { name: TableName { schema: Some(schema.into()), name: "t".into() }, mark }
    }

    fn oids(table: i64) -> TableMark {
        TableMark::Oids { database: 5, table }
    }

    fn file(path: &str, schema_version: i64) -> TableMark {
        TableMark::File { path: path.into(), schema_version }
    }

    /// Watches what counts as proof: a number of a rebuilt table never does, and never speaks against it.
    #[test]
    fn a_table_is_told_by_what_its_database_tells_it_by() {
        use Likeness::{Other, Same, Unproven};
        for (was, now, expect) in [
            (table("a", oids(7)), table("a", oids(7)), Same),
            (table("a", oids(7)), table("b", oids(7)), Same),
            (table("a", oids(7)), table("a", oids(8)), Other),
            (table("a", TableMark::Storage(Some(1))), table("a", TableMark::Storage(Some(1))), Same),
            (table("a", TableMark::Storage(Some(1))), table("a", TableMark::Storage(Some(2))), Unproven),
            (table("a", TableMark::Storage(None)), table("a", TableMark::Storage(None)), Unproven),
            (table("a", TableMark::Storage(Some(1))), table("b", TableMark::Storage(Some(1))), Other),
            (table("a", file("/d", 3)), table("a", file("/d", 3)), Same),
            (table("a", file("/d", 3)), table("a", file("/d", 4)), Unproven),
            (table("a", file("/d", 3)), table("a", file("/e", 3)), Other),
            (table("a", file("/d", 3)), table("a", oids(3)), Other),
        ] {
            assert_eq!(was.likeness(&now), expect, "{was:?} {now:?}");
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let marks =
            [oids(7), TableMark::Storage(None), TableMark::Storage(Some(9)), file("/a folder/d.db", 3)];
        for mark in marks {
            assert_eq!(TableMark::decode(&mark.encode()).as_ref(), Some(&mark), "{}", mark.encode());
        }
        for text in ["", "oid 7", "oid x y", "schema_version 3", "name"] {
            assert_eq!(TableMark::decode(text), None, "{text}");
        }
    }
}
