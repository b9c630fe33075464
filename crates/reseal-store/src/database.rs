//! A database that can be connected to.

use zeroize::Zeroizing;

use crate::{Capabilities, StoreError, Trouble, mysql, postgres, sqlite};

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
}

impl Database {
    /// Takes a `postgres://`, `mysql://` (or `mariadb://`) or `sqlite://` URL.
    ///
    /// # Errors
    /// When the scheme is none of these. The URL is not repeated in the error.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let dialect = match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Dialect::Postgres,
            Some("mysql" | "mariadb") => Dialect::Mysql,
            Some("sqlite") => Dialect::Sqlite,
            _ => {
                let message = "the database URL begins with none of postgres://, mysql://, sqlite://";
                return Err(StoreError::new(Trouble::Refused, message));
            }
        };
        let url = url.replacen("mariadb://", "mysql://", 1);
        Ok(Database {
            url: Zeroizing::new(url),
            dialect,
            #[cfg(feature = "faults")]
            faults: None,
        })
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

    /// The file that it lies in, where that is one which may be written.
    #[must_use]
    pub fn file(&self) -> Option<std::path::PathBuf> {
        (self.dialect == Dialect::Sqlite).then(|| sqlite::Sqlite::file(&self.url))?
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
