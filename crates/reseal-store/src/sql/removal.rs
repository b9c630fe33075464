//! Dropping a set of tables of Reseal's own, all of them or none.
//!
//! Where statements that drop tables commit by themselves (MariaDB), a number that no script has is written before the first
//! one. It stands until the last table is gone: any process that finds it finishes the removal, and none works with the remaining tables.

use super::Connection;
use super::migrations::{BEGUN, Migrations};
use crate::guard::PREFIX;
use crate::{Dialect, StoreError};

/// What is there of a set of tables that is to be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removing {
    /// Nothing.
    Absent,
    /// All of it, and nobody uses it until the removal ends.
    Whole,
    /// A part: somebody began to drop it, when nothing spoke against it.
    Begun,
}

impl Connection {
    /// What is there of a set of tables; nothing is locked.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn removing(&mut self, tables: &Migrations) -> Result<Removing, StoreError> {
        let applied = self.applied(tables).await?;
        Ok(match applied.first() {
            None => Removing::Absent,
            Some(&BEGUN) => Removing::Begun,
            Some(_) => Removing::Whole,
        })
    }

    fn drops_in_transactions(&self) -> bool {
        self.dialect.capabilities().alters_in_transactions
    }

    /// Keeps everybody else from a set of tables, and tells what is there of it. Ends with [`Connection::drop_tables`] or
    /// [`Connection::keep_tables`].
    ///
    /// # Errors
    /// When the server refuses, or another process changes the tables.
    pub async fn begin_removal(&mut self, tables: &Migrations) -> Result<Removing, StoreError> {
        if !self.drops_in_transactions() {
            self.lock_migrations(tables).await?;
        }
        let found = self.removing(tables).await?;
        let locked = match (self.drops_in_transactions(), found) {
            (true, _) => self.lock_in_transaction(tables, found).await,
            (false, Removing::Whole) => self.lock_tables(tables).await,
            (false, _) => Ok(()),
        };
        if let Err(error) = locked {
            let _ = self.keep_tables().await;
            return Err(error);
        }
        Ok(found)
    }

    async fn lock_in_transaction(&mut self, tables: &Migrations, found: Removing) -> Result<(), StoreError> {
        self.begin().await?;
        let locks_all = match self.dialect {
            Dialect::Sqlite => true,
            Dialect::Postgres | Dialect::Mysql => false,
        };
        if locks_all || found != Removing::Whole {
            return Ok(());
        }
        let names = tables.own(self.dialect).tables.join(", ");
        self.script(&[format!("LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")]).await
    }

    async fn lock_tables(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let own = tables.own(self.dialect).tables;
        let all: Vec<String> = own.iter().map(|name| format!("{name} WRITE")).collect();
        self.script(&[format!("LOCK TABLES {}", all.join(", "))]).await
    }

    /// Ends a removal with nothing dropped.
    ///
    /// # Errors
    /// When the connection is lost: the server then unlocks by itself.
    pub async fn keep_tables(&mut self) -> Result<(), StoreError> {
        if self.drops_in_transactions() {
            return self.rollback().await;
        }
        self.script(&["UNLOCK TABLES".to_owned()]).await?;
        self.unlock_migrations().await
    }

    /// Ends a removal with the tables dropped, and on PostgreSQL the schema too where nothing else lies in it.
    ///
    /// # Errors
    /// When the server refuses; then all of the tables are still there, or [`Connection::removing`] tells of the rest.
    pub async fn drop_tables(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let outcome = match self.drops_in_transactions() {
            true => self.drop_at_once(tables).await,
            false => self.drop_one_by_one(tables).await,
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(error) => {
                let _ = self.keep_tables().await;
                Err(error)
            }
        }
    }

    async fn drop_at_once(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let own = tables.own(self.dialect);
        let mut statements: Vec<String> =
            own.views.iter().map(|view| format!("DROP VIEW IF EXISTS {view}")).collect();
        // Those that were made later refer to those before them.
        statements.extend(own.tables.iter().rev().map(|table| format!("DROP TABLE IF EXISTS {table}")));
        self.script(&statements).await?;
        match self.dialect {
            Dialect::Postgres => self.drop_schema().await?,
            Dialect::Mysql | Dialect::Sqlite => {}
        }
        self.commit().await
    }

    /// Drops what is left of a schema that holds no table, as functions of guards that are gone, and then the schema. One that
    /// another role owns was made by somebody else, and stays.
    async fn drop_schema(&mut self) -> Result<(), StoreError> {
        const IS_OVER: &str = "SELECT (EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = 'reseal' \
                AND pg_has_role(n.nspowner, 'USAGE')) \
            AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('reseal')))::int::bigint";
        const OTHERS: &str = "SELECT count(*) FROM pg_proc WHERE pronamespace = to_regnamespace('reseal')";
        if self.number(IS_OVER.to_owned()).await? == 0 {
            return Ok(());
        }
        let guards = format!(
            "DO $reseal$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid::regprocedure FROM pg_catalog.pg_proc \
             WHERE pronamespace = 'reseal'::regnamespace AND proname LIKE '{PREFIX}%' \
             LOOP EXECUTE 'DROP FUNCTION ' || f; END LOOP; END $reseal$"
        );
        self.script(&[guards]).await?;
        match self.number(OTHERS.to_owned()).await? {
            0 => self.script(&["DROP SCHEMA reseal".to_owned()]).await,
            _ => Ok(()),
        }
    }

    async fn drop_one_by_one(&mut self, tables: &Migrations) -> Result<(), StoreError> {
        let own = tables.own(self.dialect);
        let numbers = format!("reseal_{}", tables.numbers);
        let mut statements = vec![
            format!("INSERT IGNORE INTO {numbers} (version) VALUES ({BEGUN})"),
            "SET SESSION foreign_key_checks = 0".to_owned(),
        ];
        let others = own.tables.iter().filter(|table| **table != numbers);
        statements.extend(others.map(|table| format!("DROP TABLE IF EXISTS {table}")));
        // No view can be dropped under locks of tables.
        statements.push("UNLOCK TABLES".to_owned());
        statements.extend(own.views.iter().map(|view| format!("DROP VIEW IF EXISTS {view}")));
        statements.push(format!("DROP TABLE IF EXISTS {numbers}"));
        statements.push("SET SESSION foreign_key_checks = 1".to_owned());
        self.script(&statements).await?;
        self.unlock_migrations().await
    }

    /// What the database is called: its name on its server, or the name of its file.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database_name(&mut self) -> Result<String, StoreError> {
        let identity = self.driver.database_identity().await?;
        if !identity.name.is_empty() {
            return Ok(identity.name);
        }
        let file = std::path::Path::new(&identity.place).file_name();
        Ok(file.map_or(identity.place.clone(), |name| name.to_string_lossy().into_owned()))
    }
}
