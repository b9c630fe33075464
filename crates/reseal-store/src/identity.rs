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
    /// A table that was renamed keeps its root page, so one that was made in its place has another. `VACUUM` moves root pages,
    /// and a table may be made on the root page of one that was dropped.
    File {
        /// The file, with its whole path.
        path: String,
        /// How often its schema was changed.
        schema_version: i64,
        /// The page on which the table begins; `None` where an earlier version has recorded the table.
        root_page: Option<i64>,
    },
}

/// How a table that was found again compares with the one that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// The very same table.
    Same,
    /// The same, or one that was dropped and made again: the name is the same, and so is the place in the file.
    InPlace,
    /// It may be the same: the database tells its tables by their names alone, and the name is the same.
    Unproven,
    /// Another table.
    Other,
}

const OIDS: &str = "oid";
const STORAGE: &str = "storage";
const FILE: &str = "schema_version";
const ROOT_PAGE: &str = "root_page";

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
                TableMark::File { path, schema_version, root_page },
                TableMark::File { path: now, schema_version: then, root_page: page },
            ) if path == now => match by_name(schema_version == then) {
                Likeness::Unproven if root_page.is_some() && root_page == page => Likeness::InPlace,
                likeness => likeness,
            },
            _ => Likeness::Other,
        }
    }

    /// Whether a table of the same name was certainly rebuilt, or another put in its place.
    #[must_use]
    pub fn was_replaced(&self, now: &TableIdentity) -> bool {
        let numbers = (&self.mark, &now.mark);
        matches!(numbers, (TableMark::Storage(Some(before)), TableMark::Storage(Some(now))) if before != now)
    }

    /// What this table is told by once Reseal itself has changed the definition of a table (`changed`, as it was), which is told by
    /// `now` since. `None` where that changes nothing here, or where this record had not been certain.
    #[must_use]
    pub fn followed(&self, changed: &TableIdentity, now: &TableMark) -> Option<TableMark> {
        match (&self.mark, &changed.mark, now) {
            (TableMark::Storage(Some(_)), TableMark::Storage(_), TableMark::Storage(Some(_))) => {
                (self == changed).then(|| now.clone())
            }
            // The version is of the whole file.
            (
                TableMark::File { path, schema_version, root_page },
                TableMark::File { path: of, schema_version: before, .. },
                TableMark::File { schema_version: after, .. },
            ) if path == of && schema_version == before => {
                Some(TableMark::File { path: path.clone(), schema_version: *after, root_page: *root_page })
            }
            _ => None,
        }
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
            TableMark::File { path, schema_version, root_page: None } => {
                format!("{FILE} {schema_version} {path}")
            }
            TableMark::File { path, schema_version, root_page: Some(page) } => {
                format!("{ROOT_PAGE} {page} {schema_version} {path}")
            }
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
            FILE => file(None, rest),
            ROOT_PAGE => {
                let (page, rest) = rest.split_once(' ')?;
                file(Some(page.parse().ok()?), rest)
            }
            _ => None,
        }
    }
}

/// Reads the version of the schema and the path.
fn file(root_page: Option<i64>, text: &str) -> Option<TableMark> {
    let (version, path) = text.split_once(' ')?;
    Some(TableMark::File { path: path.to_owned(), schema_version: version.parse().ok()?, root_page })
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
        TableMark::File { path: path.into(), schema_version, root_page: None }
    }

    fn at(page: i64, path: &str, schema_version: i64) -> TableMark {
        TableMark::File { path: path.into(), schema_version, root_page: Some(page) }
    }

    /// Watches what counts as proof: a number of a rebuilt table never does, and never speaks against it.
    #[test]
    fn a_table_is_told_by_what_its_database_tells_it_by() {
        use Likeness::{InPlace, Other, Same, Unproven};
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
            (table("a", at(5, "/d", 3)), table("a", at(5, "/d", 3)), Same),
            (table("a", at(5, "/d", 3)), table("a", at(5, "/d", 4)), InPlace),
            (table("a", at(5, "/d", 3)), table("a", at(6, "/d", 4)), Unproven),
            (table("a", file("/d", 3)), table("a", at(5, "/d", 4)), Unproven),
            (table("a", at(5, "/d", 3)), table("b", at(5, "/d", 4)), Other),
            (table("a", file("/d", 3)), table("a", oids(3)), Other),
        ] {
            assert_eq!(was.likeness(&now), expect, "{was:?} {now:?}");
        }
    }

    /// Watches that a record follows a change of Reseal's own, and that no record becomes certain by one.
    #[test]
    fn a_record_follows_our_own_changes() {
        let storage = |number| TableMark::Storage(Some(number));
        for (recorded, changed, now, expect) in [
            (table("a", at(5, "/d", 3)), table("a", at(5, "/d", 3)), at(5, "/d", 4), Some(at(5, "/d", 4))),
            (table("b", at(9, "/d", 3)), table("a", at(5, "/d", 3)), at(5, "/d", 4), Some(at(9, "/d", 4))),
            (table("a", at(5, "/d", 2)), table("a", at(5, "/d", 3)), at(5, "/d", 4), None),
            (table("a", at(5, "/e", 3)), table("a", at(5, "/d", 3)), at(5, "/d", 4), None),
            (table("a", storage(7)), table("a", storage(7)), storage(8), Some(storage(8))),
            (table("b", storage(7)), table("a", storage(7)), storage(8), None),
            (table("a", storage(6)), table("a", storage(7)), storage(8), None),
            (table("a", TableMark::Storage(None)), table("a", TableMark::Storage(None)), storage(8), None),
            (table("a", oids(7)), table("a", oids(7)), oids(8), None),
        ] {
            assert_eq!(recorded.followed(&changed, &now), expect, "{recorded:?} {now:?}");
        }
    }

    #[test]
    fn what_was_written_is_read() {
        let marks = [
            oids(7),
            TableMark::Storage(None),
            TableMark::Storage(Some(9)),
            file("/a folder/d.db", 3),
            at(5, "/a folder/d.db", 3),
        ];
        for mark in marks {
            assert_eq!(TableMark::decode(&mark.encode()).as_ref(), Some(&mark), "{}", mark.encode());
        }
        for text in ["", "oid 7", "oid x y", "schema_version 3", "root_page 5 3", "name"] {
            assert_eq!(TableMark::decode(text), None, "{text}");
        }
    }
}
