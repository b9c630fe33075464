//! Reseal's two books and the scripts that make their tables: the ledger, in the database that is rotated, and the
//! control database, for what belongs to no single run.
//!
//! Each script is applied once and leaves its number behind, so that a book can grow from version to version. Both may
//! lie in one database: their tables have different names.

use std::time::Duration;

use sea_query::{Order, Query};

use crate::ledger::{Taker, ledger_table};
use crate::session::table_ref;
use crate::{Dialect, Kind, Session, StoreError, Trouble};

/// A set of tables that grows by numbered scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Book {
    /// Runs, shards, pins, quarantine, undo: beside the data.
    Ledger,
    /// Schedules, notices, keys, approvals, the audit trail: where `RESEAL_DATABASE_URL` says.
    Control,
}

/// A script and its number.
type Script = (i64, &'static str);

macro_rules! scripts {
    ($folder:literal: $($number:literal $file:literal),* $(,)?) => {
        &[$(($number, include_str!(concat!("../../../migrations/", $folder, "/", $file, ".sql")))),*]
    };
}

impl Book {
    /// The scripts, in the order in which they are applied.
    fn scripts(self, dialect: Dialect) -> &'static [Script] {
        match (self, dialect) {
            (Book::Ledger, Dialect::Postgres) => {
                scripts!("postgres": 1 "0001_ledger", 2 "0002_steps", 4 "0004_progress")
            }
            (Book::Ledger, Dialect::Mysql) => {
                scripts!("mysql": 1 "0001_ledger", 2 "0002_steps", 4 "0004_progress")
            }
            (Book::Ledger, Dialect::Sqlite) => {
                scripts!("sqlite": 1 "0001_ledger", 2 "0002_steps", 4 "0004_progress")
            }
            (Book::Control, Dialect::Postgres) => {
                scripts!("postgres/control": 1 "0001_control", 2 "0002_audit", 3 "0003_catalogue",
                    4 "0004_schedule", 5 "0005_outbox")
            }
            (Book::Control, Dialect::Mysql) => {
                scripts!("mysql/control": 1 "0001_control", 2 "0002_audit", 3 "0003_catalogue",
                    4 "0004_schedule", 5 "0005_outbox")
            }
            (Book::Control, Dialect::Sqlite) => {
                scripts!("sqlite/control": 1 "0001_control", 2 "0002_audit", 3 "0003_catalogue",
                    4 "0004_schedule", 5 "0005_outbox")
            }
        }
    }

    /// The table that holds the numbers of the scripts that were applied.
    fn numbers(self) -> &'static str {
        match self {
            Book::Ledger => "migration",
            Book::Control => "control_migration",
        }
    }

    fn name(self) -> &'static str {
        match self {
            Book::Ledger => "ledger",
            Book::Control => "control database",
        }
    }

    /// The SQL that makes the book, for those who apply it themselves.
    #[must_use]
    pub fn sql(self, dialect: Dialect) -> String {
        let scripts: Vec<&str> = self.scripts(dialect).iter().map(|(_, script)| script.trim_end()).collect();
        scripts.join("\n\n") + "\n"
    }
}

/// How often it is looked whether another engine is through with a script, and how long lies between.
const PATIENCE: u32 = 40;
const TICK: Duration = Duration::from_millis(100);

impl Session {
    /// The newest script of a book that was applied to this database; `None` where there is no such book.
    ///
    /// # Errors
    /// When the server refuses for another reason than a missing table.
    pub async fn version(&mut self, book: Book) -> Result<Option<i64>, StoreError> {
        Ok(self.applied(book).await?.last().copied())
    }

    /// Makes a book, or brings it up to date. A crash leaves a part of a script on databases without transactional
    /// DDL; the error of the next attempt then names the table that is there already.
    ///
    /// # Errors
    /// When the server refuses, or the book is newer than this build knows.
    pub async fn migrate(&mut self, book: Book) -> Result<(), StoreError> {
        let scripts = book.scripts(self.dialect);
        let applied = self.applied(book).await?;
        if let Some(newer) = applied.iter().find(|number| !scripts.iter().any(|(known, _)| known == *number))
        {
            let name = book.name();
            let message =
                format!("the {name} is of version {newer}, which this build does not know: update reseal");
            return Err(StoreError::new(Trouble::Other, message));
        }
        for (number, script) in scripts.iter().filter(|(number, _)| !applied.contains(number)) {
            self.apply(book, *number, script).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, book: Book, number: i64, script: &str) -> Result<(), StoreError> {
        self.begin().await?;
        match self.driver.script(&statements(script)).await {
            Ok(()) => self.commit().await,
            Err(error) => {
                let _ = self.rollback().await;
                // Two engines may start at once; the one that came second finds the script applied, or where DDL is
                // not transactional about to be.
                let patience = if self.dialect == Dialect::Mysql { PATIENCE } else { 0 };
                for left in (0..=patience).rev() {
                    if self.applied(book).await?.contains(&number) {
                        return Ok(());
                    }
                    if left > 0 {
                        tokio::time::sleep(TICK).await;
                    }
                }
                Err(error)
            }
        }
    }

    async fn applied(&mut self, book: Book) -> Result<Vec<i64>, StoreError> {
        let numbers = table_ref(&ledger_table(self.dialect, book.numbers()));
        let select =
            Query::select().column("version").from(numbers).order_by("version", Order::Asc).to_owned();
        match self.query(&select, &[Kind::Int]).await {
            Ok(rows) => Ok(rows.into_iter().map(|row| Taker::new(row).int()).collect()),
            Err(error) if error.trouble == Trouble::Missing => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// Cuts a script into statements; comments go with the statement that they stand before.
fn statements(script: &str) -> Vec<String> {
    let code: Vec<&str> =
        script.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code)).collect();
    let joined = code.join("\n");
    joined.split(';').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_ends_with_its_number() {
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
            for book in [Book::Ledger, Book::Control] {
                for (number, script) in book.scripts(dialect) {
                    let last = statements(script).pop().unwrap();
                    assert!(last.contains(book.numbers()), "{last}");
                    assert!(last.ends_with(&format!("VALUES ({number})")), "{last}");
                }
            }
        }
    }
}
