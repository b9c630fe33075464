//! The only door to SQL for crates that keep tables of Reseal's own in a database.
//!
//! A [`Connection`] runs what sea-query builds, in the dialect of its database, and brings tables up to date by numbered
//! scripts. It reads and writes no table of the application: that is [`Session`](crate::Session)'s.

mod migrations;
mod removal;

use futures::future::BoxFuture;
use reseal_core::Value;
use sea_query::{
    Expr, MysqlQueryBuilder, PostgresQueryBuilder, QueryStatementWriter, SqliteQueryBuilder, TableRef, Values,
};

pub use migrations::{Migrations, Script};
pub use removal::Removing;

pub use crate::taker::{Taker, signed};

use crate::driver::{Driver, Names, Statement};
use crate::names::table_ref;
use crate::{Database, Dialect, Kind, StoreError, TableName, Trouble, mysql, postgres, sqlite};

async fn driver(database: &Database) -> Result<Box<dyn Driver>, StoreError> {
    let (url, reach) = (database.url(), database.reach());
    Ok(match database.dialect() {
        Dialect::Postgres => Box::new(postgres::Postgres::connect(url, reach).await?),
        Dialect::Mysql => Box::new(mysql::Mysql::connect(url, reach.allows_plaintext).await?),
        Dialect::Sqlite => Box::new(sqlite::Sqlite::connect(url).await?),
    })
}

/// One connection to a database that holds tables of Reseal's own.
pub struct Connection {
    pub(crate) driver: Box<dyn Driver>,
    dialect: Dialect,
}

impl Connection {
    /// Opens a connection of its own; there is no pool.
    ///
    /// # Errors
    /// [`Trouble::Refused`] when host, login or database are refused.
    pub fn open(database: &Database) -> BoxFuture<'_, Result<Self, StoreError>> {
        // An `async fn` is compiled where it is awaited: boxed, the drivers are compiled here and not in every crate above.
        Box::pin(async move {
            let open = driver(database);
            #[cfg(feature = "faults")]
            if let Some(faults) = database.faults() {
                let driver = crate::faults::Faulty::connect(faults, open).await?;
                return Ok(Connection { driver, dialect: database.dialect() });
            }
            Ok(Connection { driver: open.await?, dialect: database.dialect() })
        })
    }

    /// Which SQL the database speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// A table of Reseal's own: in the schema `reseal` on PostgreSQL, with the prefix `reseal_` elsewhere.
    #[must_use]
    pub fn table(&self, name: &str) -> TableRef {
        table_ref(&match self.dialect {
            Dialect::Postgres => TableName { schema: Some("reseal".into()), name: name.into() },
            Dialect::Mysql | Dialect::Sqlite => TableName { schema: None, name: format!("reseal_{name}") },
        })
    }

    /// The server's clock inside a statement, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> Expr {
        Expr::cust(self.driver.now_ms())
    }

    /// The server's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn now_ms(&mut self) -> Result<i64, StoreError> {
        let statement = Statement::own(format!("SELECT {}", self.driver.now_ms()), Values(vec![]));
        let rows = self.driver.fetch(statement, &[Kind::Int]).await?;
        match rows.first().and_then(|row| row.first()) {
            Some(Value::Int(now)) => Ok(*now),
            _ => Err(StoreError::new(Trouble::Other, "the server returned no time")),
        }
    }

    /// Runs statements one by one: no arguments, no rows.
    ///
    /// # Errors
    /// When the server refuses one; those before it are done.
    pub async fn script(&mut self, statements: &[String]) -> Result<(), StoreError> {
        self.driver.script(statements, Names::Own).await
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.driver.begin().await
    }

    /// Commits. After [`Trouble::ConnectionLost`] the outcome is unknown.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.driver.commit().await
    }

    /// Rolls back; harmless outside a transaction.
    ///
    /// # Errors
    /// When the connection is lost: the server then rolls back by itself.
    pub async fn rollback(&mut self) -> Result<(), StoreError> {
        self.driver.rollback().await
    }

    /// Ends the open transaction as what it was begun for has come out: commits where that was done, and rolls back where it
    /// was not (`false`) or failed. Gives what it came to.
    ///
    /// # Errors
    /// The failure; when the server refuses.
    pub async fn end(&mut self, done: Result<bool, StoreError>) -> Result<bool, StoreError> {
        match done {
            Ok(true) => self.commit().await.map(|()| true),
            Ok(false) => self.rollback().await.map(|()| false),
            Err(error) => {
                // Where the connection is lost, the server rolls back by itself.
                let _ = self.rollback().await;
                Err(error)
            }
        }
    }

    /// Runs a statement; gives the number of rows that it matched.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn execute(&mut self, statement: &impl QueryStatementWriter) -> Result<u64, StoreError> {
        let statement = self.build(statement);
        self.driver.execute(statement).await
    }

    /// Runs a query whose columns have these kinds.
    ///
    /// # Errors
    /// When the server refuses, or a column holds another kind.
    pub async fn fetch(
        &mut self,
        query: &impl QueryStatementWriter,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let statement = self.build(query);
        self.driver.fetch(statement, kinds).await
    }

    pub(crate) fn build(&self, query: &impl QueryStatementWriter) -> Statement {
        let (sql, args) = match self.dialect {
            Dialect::Postgres => query.build(PostgresQueryBuilder),
            Dialect::Mysql => query.build(MysqlQueryBuilder),
            Dialect::Sqlite => query.build(SqliteQueryBuilder),
        };
        Statement::own(sql, args)
    }
}
