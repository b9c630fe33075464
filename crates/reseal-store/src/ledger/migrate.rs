//! The ledger's own tables.

use sea_query::{Expr, ExprTrait, Query};

use crate::{Dialect, Kind, Session, StoreError, Trouble};

/// The newest version of the ledger that this build knows.
const VERSION: i64 = 1;

impl Dialect {
    /// The SQL that makes the ledger, for those who apply it themselves.
    #[must_use]
    pub fn ledger_sql(self) -> &'static str {
        match self {
            Dialect::Postgres => include_str!("../../../../migrations/postgres/0001_ledger.sql"),
            Dialect::Mysql => include_str!("../../../../migrations/mysql/0001_ledger.sql"),
            Dialect::Sqlite => include_str!("../../../../migrations/sqlite/0001_ledger.sql"),
        }
    }
}

impl Session {
    /// The version of the ledger in this database; `None` where there is none.
    ///
    /// # Errors
    /// When the server refuses for another reason than a missing table.
    pub async fn ledger_version(&mut self) -> Result<Option<i64>, StoreError> {
        let select =
            Query::select().expr(Expr::col("version").max()).from(self.ledger("migration")).to_owned();
        match self.query(&select, &[Kind::Int]).await {
            Ok(rows) => Ok(rows.into_iter().next().map(|row| super::Taker::new(row).int())),
            Err(error) if error.trouble == Trouble::Missing => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes the ledger where there is none. A crash leaves a part of it on databases without transactional DDL;
    /// the error of the next attempt then names the table that is there already.
    ///
    /// # Errors
    /// When the server refuses, or the ledger is of a newer version than this build knows.
    pub async fn migrate(&mut self) -> Result<(), StoreError> {
        match self.ledger_version().await? {
            Some(VERSION) => return Ok(()),
            Some(other) => {
                let message =
                    format!("the ledger is of version {other}, this build knows {VERSION}: update reseal");
                return Err(StoreError::new(Trouble::Other, message));
            }
            None => {}
        }
        let statements = statements(self.dialect.ledger_sql());
        self.begin().await?;
        match self.driver.script(&statements).await {
            Ok(()) => self.commit().await,
            Err(error) => {
                let _ = self.rollback().await;
                // Two engines may start at once; the one that came second finds the ledger made.
                if self.ledger_version().await? == Some(VERSION) { Ok(()) } else { Err(error) }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_ends_with_its_version() {
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
            let last = statements(dialect.ledger_sql()).pop().unwrap();
            assert!(last.ends_with(&format!("VALUES ({VERSION})")), "{last}");
        }
    }
}
