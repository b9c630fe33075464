//! Queries of the caller's own, whose columns nobody knows beforehand.

use reseal_core::SecretBytes;

use crate::{Session, StoreError};

/// What a query found. Values may be keys, so they are wiped when dropped and never shown.
#[derive(Debug, Default)]
pub struct LookedUp {
    /// The names of the columns; none where there is no row.
    pub columns: Vec<String>,
    /// The rows: texts as the server writes them, the bytes of binary columns; `None` for NULL.
    pub rows: Vec<Vec<Option<SecretBytes>>>,
}

impl Session {
    /// Runs one query of the caller's own, best in a transaction that [`Session::begin_snapshot`] began: it can then
    /// write nothing on any database.
    ///
    /// # Errors
    /// When it is no single statement, or the server refuses it.
    pub async fn look_up(&mut self, sql: &str) -> Result<LookedUp, StoreError> {
        self.sql.driver.look_up(sql).await
    }
}
