//! A database that can be connected to.

use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::reach::{Parameters, Reach};
use crate::{Capabilities, StoreError, Trouble, mysql, postgres, spelling, sqlite};

/// Which SQL a database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL 13 and later.
    Postgres,
    /// MariaDB 10.5, MySQL 8 and later.
    Mysql,
    /// SQLite 3.35 and later.
    Sqlite,
}

/// A database URL, wiped when dropped. It may hold a password and is never shown.
#[derive(Clone)]
pub struct Database {
    url: Zeroizing<String>,
    dialect: Dialect,
    reach: Reach,
    #[cfg(feature = "faults")]
    faults: Option<std::sync::Arc<dyn crate::Faults>>,
}

impl Dialect {
    /// What databases of this dialect can do.
    #[must_use]
    pub fn capabilities(self) -> Capabilities {
        match self {
            Dialect::Postgres => postgres::CAPABILITIES,
            Dialect::Mysql => mysql::CAPABILITIES,
            Dialect::Sqlite => sqlite::CAPABILITIES,
        }
    }

    /// What the parameters of its URLs are called.
    fn parameters(self) -> Parameters {
        match self {
            Dialect::Postgres => postgres::PARAMETERS,
            Dialect::Mysql => mysql::PARAMETERS,
            Dialect::Sqlite => sqlite::PARAMETERS,
        }
    }
}

impl Database {
    /// Takes a `postgres://`, `mysql://` (or `mariadb://`) or `sqlite://` URL.
    ///
    /// # Errors
    /// When the scheme is none of these, or a parameter is not understood. Of the URL nothing but that parameter's name is
    /// repeated in the error.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let dialect = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Dialect::Postgres,
            Some("mysql" | "mariadb") => Dialect::Mysql,
            Some("sqlite") => Dialect::Sqlite,
            _ => {
                return Err(StoreError::new(Trouble::Url, spelling::explained(url)));
            }
        };
        dialect.parameters().check(url)?;
        let url = url.replacen("mariadb://", "mysql://", 1);
        Ok(Database {
            url: Zeroizing::new(url),
            dialect,
            reach: Reach::default(),
            #[cfg(feature = "faults")]
            faults: None,
        })
    }

    /// The same database, reached without TLS where the URL does not ask for it, also on another machine.
    #[must_use]
    pub fn allowing_plaintext(self, allows_plaintext: bool) -> Self {
        Database { reach: Reach { allows_plaintext, ..self.reach }, ..self }
    }

    /// The same database, for connections that write nothing: where it can be told so (PostgreSQL), the server refuses what
    /// would.
    #[must_use]
    pub fn read_only(&self) -> Self {
        let reach = Reach { read_only: true, ..self.reach.clone() };
        Database { reach, ..self.clone() }
    }

    /// The same database, with somebody who decides which calls fail.
    #[cfg(feature = "faults")]
    #[must_use]
    pub fn with_faults(self, faults: std::sync::Arc<dyn crate::Faults>) -> Self {
        Database { faults: Some(faults), ..self }
    }

    #[cfg(feature = "faults")]
    pub(crate) fn faults(&self) -> Option<std::sync::Arc<dyn crate::Faults>> {
        self.faults.clone()
    }

    /// Whether both are reached in the same way, by the same URL.
    #[must_use]
    pub fn is_reached_as(&self, other: &Database) -> bool {
        *self.url == *other.url && self.reach.allows_plaintext == other.reach.allows_plaintext
    }

    /// Finds out whether it answers: logs in, asks for an answer, and leaves. Of an SQLite file the first bytes are read. It
    /// takes ten seconds for each of these at the longest, and no lock.
    ///
    /// # Errors
    /// Why there is no answer; the place is named.
    pub fn probe(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        match self.dialect {
            Dialect::Postgres => Box::pin(postgres::probe(&self.url, self.reach.allows_plaintext)),
            Dialect::Mysql => Box::pin(mysql::probe(&self.url, self.reach.allows_plaintext)),
            Dialect::Sqlite => Box::pin(sqlite::probe(&self.url)),
        }
    }

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.dialect.capabilities()
    }

    /// Whether the URL names a database, and not just the server. A file is one.
    #[must_use]
    pub fn is_named(&self) -> bool {
        self.dialect == Dialect::Sqlite || spelling::names_a_database(&self.url)
    }

    /// The file that it lies in, where that is one which may be written.
    #[must_use]
    pub fn file(&self) -> Option<std::path::PathBuf> {
        (self.dialect == Dialect::Sqlite).then(|| sqlite::Sqlite::file(&self.url))?
    }

    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Database({:?})", self.dialect)
    }
}
