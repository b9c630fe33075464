//! The control database and a connection to it, each of a type of its own.

use reseal_core::Value;
use reseal_store::sql::Connection;
use reseal_store::{Database, Dialect, Kind, Needs, StoreError, Trouble};
use sea_query::{Expr, QueryStatementWriter, TableRef};

use crate::migrations::CONTROL;
use crate::who::Who;

/// The control database: what belongs to no single run. It may be the database that is rotated, and is never taken for
/// it.
#[derive(Clone, Debug)]
pub struct ControlDatabase(Database);

impl ControlDatabase {
    /// Takes a `postgres://`, `mysql://` (or `mariadb://`) or `sqlite://` URL.
    ///
    /// # Errors
    /// When the scheme is none of these, or a parameter is not understood. Of the URL nothing but that parameter's name is
    /// repeated in the error.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        Database::parse(url).map(ControlDatabase)
    }

    /// The same database, reached without TLS where the URL does not ask for it, also on another machine.
    #[must_use]
    pub fn allowing_plaintext(self, allows_plaintext: bool) -> Self {
        ControlDatabase(self.0.allowing_plaintext(allows_plaintext))
    }

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    /// The file that it lies in, where that is one which may be written.
    #[must_use]
    pub fn file(&self) -> Option<std::path::PathBuf> {
        self.0.file()
    }

    /// The SQL that makes its tables, for those who apply it themselves.
    #[must_use]
    pub fn sql(&self) -> String {
        CONTROL.sql(self.dialect())
    }

    /// What its user, or a role that is named, must be granted.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn grants(&self, role: Option<&str>) -> Result<Vec<String>, StoreError> {
        self.0.grants(&Needs { own: CONTROL.own(self.dialect()), ..Needs::default() }, role)
    }

    /// Opens a connection of its own; there is no pool.
    ///
    /// # Errors
    /// [`Trouble::Refused`](reseal_store::Trouble::Refused) when host, login or database are refused.
    pub async fn connect(&self) -> Result<ControlSession, StoreError> {
        let sql = Connection::open(&self.0).await.map_err(of_control)?;
        Ok(ControlSession { sql, who: Who::is_here() })
    }
}

/// One connection to the control database.
pub struct ControlSession {
    sql: Connection,
    /// Who acts on it: every event of the audit trail says so.
    pub(crate) who: Who,
}

impl ControlSession {
    /// Who acts on it.
    #[must_use]
    pub fn who(&self) -> &Who {
        &self.who
    }

    /// Which SQL the database speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.sql.dialect()
    }

    /// The newest script that was applied to the control database; `None` where its tables are not there.
    ///
    /// # Errors
    /// When the server refuses for another reason than a missing table.
    pub async fn version(&mut self) -> Result<Option<i64>, StoreError> {
        self.sql.version(&CONTROL).await.map_err(of_control)
    }

    /// Makes the tables, or brings them up to date. A crash leaves a part of a script on databases without transactional
    /// DDL; the error of the next attempt then names the table that is there already.
    ///
    /// # Errors
    /// When the server refuses, or the tables are newer than this build knows.
    pub async fn migrate(&mut self) -> Result<(), StoreError> {
        self.sql.migrate(&CONTROL).await.map_err(of_control)
    }

    /// Runs statements of the caller's own, one by one: no arguments, no rows.
    ///
    /// # Errors
    /// When the server refuses one; those before it are done.
    pub async fn script(&mut self, statements: &[String]) -> Result<(), StoreError> {
        self.sql.script(statements).await.map_err(of_control)
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn begin(&mut self) -> Result<(), StoreError> {
        self.sql.begin().await.map_err(of_control)
    }

    /// Commits. After [`Trouble::ConnectionLost`](reseal_store::Trouble::ConnectionLost) the outcome is unknown.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn commit(&mut self) -> Result<(), StoreError> {
        self.sql.commit().await.map_err(of_control)
    }

    /// Ends the open transaction: see [`Connection::end`].
    ///
    /// # Errors
    /// As for [`Connection::end`].
    pub(crate) async fn end(&mut self, done: Result<bool, StoreError>) -> Result<bool, StoreError> {
        self.sql.end(done).await
    }

    /// Rolls back; harmless outside a transaction.
    ///
    /// # Errors
    /// When the connection is lost: the server then rolls back by itself.
    pub async fn rollback(&mut self) -> Result<(), StoreError> {
        self.sql.rollback().await.map_err(of_control)
    }

    /// The server's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn now_ms(&mut self) -> Result<i64, StoreError> {
        self.sql.now_ms().await.map_err(of_control)
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.sql
    }

    pub(crate) fn table(&self, name: &str) -> TableRef {
        self.sql.table(name)
    }

    pub(crate) fn now(&self) -> Expr {
        self.sql.now()
    }

    pub(crate) async fn run(&mut self, statement: &impl QueryStatementWriter) -> Result<u64, StoreError> {
        self.sql.execute(statement).await.map_err(of_control)
    }

    pub(crate) async fn query(
        &mut self,
        query: &impl QueryStatementWriter,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        self.sql.fetch(query, kinds).await.map_err(of_control)
    }
}

/// Says of an error which of the two databases it is about. One about versions names its tables itself.
fn of_control(error: StoreError) -> StoreError {
    if matches!(error.trouble, Trouble::Newer | Trouble::HalfRemoved) {
        return error;
    }
    StoreError { message: format!("control database: {}", error.message), ..error }
}
