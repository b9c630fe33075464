//! The scripts that make the ledger's tables.

use crate::sql::{Migrations, Script};
use crate::{Database, Dialect, Needs, Session, StoreError};

/// Runs, shards, pins, quarantine, undo: beside the data.
pub(super) const LEDGER: Migrations = Migrations { name: "ledger", numbers: "migration", scripts };

macro_rules! script {
    ($number:literal, $file:literal) => {
        Script { number: $number, sql: include_str!(concat!("../../../../migrations/", $file, ".sql")) }
    };
}

fn scripts(dialect: Dialect) -> &'static [Script] {
    match dialect {
        Dialect::Postgres => &[
            script!(1, "postgres/0001_ledger"),
            script!(2, "postgres/0002_steps"),
            script!(4, "postgres/0004_progress"),
            script!(5, "postgres/0005_pace"),
            script!(6, "postgres/0006_tables"),
            script!(7, "postgres/0007_rollback"),
            script!(8, "postgres/0008_pins"),
            script!(9, "postgres/0009_identity"),
            script!(10, "postgres/0010_trail_mark"),
        ],
        Dialect::Mysql => &[
            script!(1, "mysql/0001_ledger"),
            script!(2, "mysql/0002_steps"),
            script!(4, "mysql/0004_progress"),
            script!(5, "mysql/0005_pace"),
            script!(6, "mysql/0006_tables"),
            script!(7, "mysql/0007_rollback"),
            script!(8, "mysql/0008_pins"),
            script!(9, "mysql/0009_identity"),
            script!(10, "mysql/0010_trail_mark"),
        ],
        Dialect::Sqlite => &[
            script!(1, "sqlite/0001_ledger"),
            script!(2, "sqlite/0002_steps"),
            script!(4, "sqlite/0004_progress"),
            script!(5, "sqlite/0005_pace"),
            script!(6, "sqlite/0006_tables"),
            script!(7, "sqlite/0007_rollback"),
            script!(8, "sqlite/0008_pins"),
            script!(9, "sqlite/0009_identity"),
            script!(10, "sqlite/0010_trail_mark"),
        ],
    }
}

impl Database {
    /// The SQL that makes the ledger, for those who apply it themselves.
    #[must_use]
    pub fn ledger_sql(&self) -> String {
        LEDGER.sql(self.dialect())
    }

    /// What its user, or a role that is named, must be granted for a plan and its ledger.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn ledger_grants(&self, needs: &Needs, role: Option<&str>) -> Result<Vec<String>, StoreError> {
        self.grants(&Needs { own: LEDGER.own(self.dialect()), ..needs.clone() }, role)
    }
}

impl Session {
    /// The newest script of the ledger that was applied to this database; `None` where there is no ledger.
    ///
    /// # Errors
    /// When the server refuses for another reason than a missing table.
    pub async fn version(&mut self) -> Result<Option<i64>, StoreError> {
        self.sql.version(&LEDGER).await
    }

    /// Makes the ledger, or brings it up to date. What a crash left half done, as it can on databases without transactional
    /// DDL, is completed.
    ///
    /// # Errors
    /// When the server refuses, or the ledger is newer than this build knows.
    pub async fn migrate(&mut self) -> Result<(), StoreError> {
        self.sql.migrate(&LEDGER).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_ends_with_its_number() {
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
            for script in scripts(dialect) {
                let last = script.sql.trim_end().trim_end_matches(';').rsplit(';').next().unwrap();
                assert!(last.contains(LEDGER.numbers), "{last}");
                assert!(last.ends_with(&format!("VALUES ({})", script.number)), "{last}");
            }
        }
    }
}
