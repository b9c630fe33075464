//! What the ledger is told from others by, and with it the database that it lies in.

use sea_query::Query;

use crate::{DatabaseIdentity, Kind, Session, StoreError};

/// The first version of the ledger that is told by anything.
const IDENTIFIED: i64 = 9;

impl Session {
    /// Which database this connection has reached.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database_identity(&mut self) -> Result<DatabaseIdentity, StoreError> {
        let ledger = match self.version().await? {
            Some(version) if version >= IDENTIFIED => self.ledger_identity().await?,
            _ => None,
        };
        let identity = self.sql.driver.database_identity().await?;
        Ok(DatabaseIdentity { ledger, ..identity })
    }

    async fn ledger_identity(&mut self) -> Result<Option<String>, StoreError> {
        let select = Query::select().column("id").from(self.ledger("identity")).limit(1).to_owned();
        let row = self.query(&select, &[Kind::Text]).await?.into_iter().flatten().next();
        Ok(row.and_then(|value| value.text().map(|text| text.into_owned())))
    }
}
