//! Whether a pooler between us and the server lends each transaction, or each statement, another connection to it, as PgBouncer
//! does with `pool_mode = transaction` or `statement`.
//!
//! What Reseal sets on its connection would then be set for the application, and be missing where Reseal works. So this is found
//! out before anything is set: two connections that are open at the same time have a server process each and keep it.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row as _};

use super::trouble::failed;
use crate::reach::in_time;
use crate::{StoreError, Trouble};

/// The server's process; nothing in it can be another role's.
const PROCESS: &str = "SELECT pg_catalog.pg_backend_pid()";
/// How often both are looked at.
const LOOKS: usize = 4;

/// Refuses such a pooler. Nothing is set on either connection.
pub(super) async fn refuse(first: &mut PgConnection, to: &PgConnectOptions) -> Result<(), StoreError> {
    // A server that has no second connection to spare is asked by the next process.
    let Ok(mut second) = in_time(PgConnection::connect_with(to)).await else { return Ok(()) };
    let pooled = in_time(is_pooled(first, &mut second)).await;
    let _ = second.close().await;
    match pooled.map_err(|error| failed(&error))? {
        false => Ok(()),
        true => Err(StoreError::new(
            Trouble::Pooled,
            "a pooler (such as PgBouncer) gives each transaction a different server connection",
        )),
    }
}

async fn is_pooled(first: &mut PgConnection, second: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let begun = process(first).await?;
    // Which connection is lent next is the pooler's choice, and with other clients about a matter of chance.
    for _ in 0..LOOKS {
        // The first keeps its process also while it asks for nothing, and the second has one of its own.
        if process(first).await? != begun || process(second).await? == begun {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn process(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    // Not prepared: such a pooler may know nothing of prepared statements.
    connection.fetch_one(sqlx::raw_sql(PROCESS)).await?.try_get(0)
}
