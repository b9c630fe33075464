//! Numbered scripts that make tables of Reseal's own.
//!
//! Each script is applied once and leaves its number behind, so that a set of tables can grow from version to version.
//! Several sets may lie in one database: their tables have different names.

use std::time::Duration;

use sea_query::{Order, Query};

use super::{Connection, Taker};
use crate::{Dialect, Kind, StoreError, Trouble};

/// A script that makes tables or changes them. Its last statement writes its number.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The number that it leaves behind.
    pub number: i64,
    /// Its statements, each ended by a semicolon.
    pub sql: &'static str,
}

/// A set of tables that grows by numbered scripts.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// What the set of tables is called in errors.
    pub name: &'static str,
    /// The table that holds the numbers of the scripts that were applied.
    pub numbers: &'static str,
    /// The scripts of a dialect, in the order in which they are applied.
    pub scripts: fn(Dialect) -> &'static [Script],
}

impl Migrations {
    /// The SQL that makes the tables, for those who apply it themselves.
    #[must_use]
    pub fn sql(&self, dialect: Dialect) -> String {
        let scripts: Vec<&str> = (self.scripts)(dialect).iter().map(|script| script.sql.trim_end()).collect();
        scripts.join("\n\n") + "\n"
    }
}

/// How often it is looked whether another engine is through with a script, and how long lies between.
const PATIENCE: u32 = 40;
const TICK: Duration = Duration::from_millis(100);

impl Connection {
    /// The newest script of a set that was applied to this database; `None` where there is no such set.
    ///
    /// # Errors
    /// When the server refuses for another reason than a missing table.
    pub async fn version(&mut self, tables: &Migrations) -> Result<Option<i64>, StoreError> {
        Ok(self.applied(tables).await?.last().copied())
    }

    /// Makes a set of tables, or brings it up to date. A crash leaves a part of a script on databases without transactional
    /// DDL; the error of the next attempt then names the table that is there already.
    ///
    /// # Errors
    /// When the server refuses, or the set is newer than this build knows.
    pub async fn migrate(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let scripts = (tables.scripts)(self.dialect);
        let applied = self.applied(tables).await?;
        let known = |number: &i64| scripts.iter().any(|script| script.number == *number);
        if let Some(newer) = applied.iter().find(|number| !known(number)) {
            let name = tables.name;
            let message =
                format!("the {name} is of version {newer}, which this build does not know: update reseal");
            return Err(StoreError::new(Trouble::Other, message));
        }
        for script in scripts.iter().filter(|script| !applied.contains(&script.number)) {
            self.apply(tables, script).await?;
        }
        Ok(())
    }

    async fn apply(&mut self, tables: &Migrations, script: &Script) -> Result<(), StoreError> {
        self.begin().await?;
        match self.driver.script(&statements(script.sql)).await {
            Ok(()) => self.commit().await,
            Err(error) => {
                let _ = self.rollback().await;
                // Two engines may start at once; the one that came second finds the script applied, or where DDL is
                // not transactional about to be.
                let patience = if self.dialect == Dialect::Mysql { PATIENCE } else { 0 };
                for left in (0..=patience).rev() {
                    if self.applied(tables).await?.contains(&script.number) {
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

    async fn applied(&mut self, tables: &Migrations) -> Result<Vec<i64>, StoreError> {
        let numbers = self.table(tables.numbers);
        let select =
            Query::select().column("version").from(numbers).order_by("version", Order::Asc).to_owned();
        match self.fetch(&select, &[Kind::Int]).await {
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
