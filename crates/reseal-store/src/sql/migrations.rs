//! Numbered scripts that make tables of Reseal's own.
//!
//! Each script is applied once and leaves its number behind, so that a set of tables can grow from version to version.
//! Several sets may lie in one database: their tables have different names.

use sea_query::{Order, Query, Values};

use super::Connection;
use crate::driver::{Names, Statement};
use crate::taker::Taker;
use crate::{Dialect, Kind, Own, StoreError, Trouble};

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

    /// The tables and views that the scripts of a dialect make.
    #[must_use]
    pub fn own(&self, dialect: Dialect) -> Own {
        let tables = self.made(dialect, &["CREATE TABLE IF NOT EXISTS ", "CREATE TABLE "]);
        Own { tables, views: self.made(dialect, &["CREATE OR REPLACE VIEW ", "CREATE VIEW "]) }
    }

    /// What statements make that begin in one of these ways, each once.
    fn made(&self, dialect: Dialect, begins: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for statement in (self.scripts)(dialect).iter().flat_map(|script| statements(script.sql)) {
            let rest = begins.iter().find_map(|begin| statement.strip_prefix(begin));
            let name = rest.and_then(|rest| rest.split([' ', '(', '\n']).next()).map(str::to_owned);
            names.extend(name.filter(|name| !names.contains(name)));
        }
        names
    }
}

/// What stands among the numbers of scripts while tables are being dropped.
pub(super) const BEGUN: i64 = -1;

/// How long an engine waits, in seconds, while another one applies scripts.
const PATIENCE_SECONDS: u32 = 60;

/// The name of the lock under which one process at a time does that on MariaDB and MySQL.
const LOCK: &str = "SHA1(CONCAT('reseal.migrate.', DATABASE()))";

impl Connection {
    /// The newest script of a set that was applied to this database; `None` where there is no such set.
    ///
    /// # Errors
    /// [`Trouble::Newer`] where this build does not know it; [`Trouble::HalfRemoved`] where somebody began to drop it; when
    /// the server refuses for another reason than a missing table.
    pub async fn version(&mut self, tables: &Migrations) -> Result<Option<i64>, StoreError> {
        Ok(self.applied_and_known(tables).await?.last().copied())
    }

    /// The numbers of the scripts that were applied, each of which this build knows.
    async fn applied_and_known(&mut self, tables: &Migrations) -> Result<Vec<i64>, StoreError> {
        let applied = self.applied(tables).await?;
        if applied.first() == Some(&BEGUN) {
            let message = format!("the removal of the {} was started but not finished", tables.name);
            return Err(StoreError::new(Trouble::HalfRemoved, message));
        }
        let newest = (tables.scripts)(self.dialect).last().map_or(0, |script| script.number);
        match applied.last().filter(|last| **last > newest) {
            None => Ok(applied),
            Some(newer) => {
                let name = tables.name;
                let message = format!(
                    "the {name} has version {newer}, but this build supports only up to version {newest}"
                );
                Err(StoreError::new(Trouble::Newer, message))
            }
        }
    }

    /// Makes a set of tables, or brings it up to date. What a crash left half done, as it can on databases without
    /// transactional DDL, is completed.
    ///
    /// # Errors
    /// When the server refuses, or the set is newer than this build knows.
    pub async fn migrate(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let scripts = (tables.scripts)(self.dialect);
        let applied = self.applied_and_known(tables).await?;
        let missing: Vec<&Script> =
            scripts.iter().filter(|script| !applied.contains(&script.number)).collect();
        match self.dialect {
            _ if missing.is_empty() => Ok(()),
            Dialect::Mysql => self.apply_under_lock(tables, &missing).await,
            Dialect::Postgres | Dialect::Sqlite => {
                for script in missing {
                    self.apply(tables, script).await?;
                }
                Ok(())
            }
        }
    }

    /// MariaDB and MySQL commit each statement that makes a table by itself. So their scripts can be applied again from
    /// the beginning, and one engine at a time applies them.
    async fn apply_under_lock(&mut self, tables: &Migrations, scripts: &[&Script]) -> Result<(), StoreError> {
        self.lock_migrations(tables).await?;
        let outcome = self.apply_statements(scripts).await;
        let _ = self.unlock_migrations().await;
        outcome
    }

    /// Has one process at a time change tables of Reseal's own in a database of MariaDB or MySQL.
    pub(super) async fn lock_migrations(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let lock = format!("SELECT CAST(COALESCE(GET_LOCK({LOCK}, {PATIENCE_SECONDS}), 0) AS SIGNED)");
        match self.number(lock).await? {
            1 => Ok(()),
            _ => {
                let message = format!("another process is changing the tables of the {}", tables.name);
                Err(StoreError::new(Trouble::Retry, message))
            }
        }
    }

    pub(super) async fn unlock_migrations(&mut self) -> Result<(), StoreError> {
        self.number(format!("SELECT CAST(COALESCE(RELEASE_LOCK({LOCK}), 0) AS SIGNED)")).await.map(drop)
    }

    async fn apply_statements(&mut self, scripts: &[&Script]) -> Result<(), StoreError> {
        for statement in scripts.iter().flat_map(|script| statements(script.sql)) {
            if !self.index_is_there(&statement).await? {
                self.driver.script(&[statement], Names::Own).await?;
            }
        }
        Ok(())
    }

    /// Whether a statement makes an index that is there already; MySQL has no `CREATE INDEX IF NOT EXISTS`.
    async fn index_is_there(&mut self, statement: &str) -> Result<bool, StoreError> {
        let Some(index) = statement.strip_prefix("CREATE INDEX ").and_then(|rest| rest.split(' ').next())
        else {
            return Ok(false);
        };
        let count = format!(
            "SELECT CAST(COUNT(*) AS SIGNED) FROM information_schema.statistics \
             WHERE table_schema = DATABASE() AND index_name = '{index}'"
        );
        Ok(self.number(count).await? > 0)
    }

    pub(super) async fn number(&mut self, sql: String) -> Result<i64, StoreError> {
        let statement = Statement::own(sql, Values(vec![]));
        let row = self.driver.fetch(statement, &[Kind::Int]).await?.pop();
        Ok(row.map_or(0, |row| Taker::new(row).int()))
    }

    async fn apply(&mut self, tables: &Migrations, script: &Script) -> Result<(), StoreError> {
        let statements = self.but_for_schema(statements(script.sql)).await?;
        self.begin().await?;
        match self.driver.script(&statements, Names::Own).await {
            Ok(()) => self.commit().await,
            Err(error) => {
                let _ = self.rollback().await;
                // Two engines may start at once; the one that came second finds the script applied.
                if self.applied(tables).await?.contains(&script.number) {
                    return Ok(());
                }
                Err(error)
            }
        }
    }

    /// The statements without the one that makes a schema, where it is there: PostgreSQL asks for the privilege to make one before it
    /// looks, and whoever was given a schema of Reseal's own needs none.
    async fn but_for_schema(&mut self, mut statements: Vec<String>) -> Result<Vec<String>, StoreError> {
        const IS_THERE: &str = "SELECT (to_regnamespace('reseal') IS NOT NULL)::int::bigint";
        let is_schema = |statement: &String| statement.starts_with("CREATE SCHEMA ");
        if statements.iter().any(is_schema) && self.number(IS_THERE.to_owned()).await? == 1 {
            statements.retain(|statement| !is_schema(statement));
        }
        Ok(statements)
    }

    pub(super) async fn applied(&mut self, tables: &Migrations) -> Result<Vec<i64>, StoreError> {
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
