//! How a connection begins.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor};

use super::trouble::{failed, unreachable};
use crate::{StoreError, nodelay};

/// What every connection is set to. `row_security = off` makes the server err where a policy would hide rows; the
/// timeouts are the server's, since a statement in flight is never cancelled from here; generic plans keep the swap
/// from being planned anew, or wrongly, for every batch.
const SETTINGS: &str = "SET application_name = 'reseal'; SET row_security = off; \
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; \
    SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '120s'; \
    SET plan_cache_mode = force_generic_plan; SET jit = off; SET client_min_messages = warning";

pub(super) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, StoreError> {
    let place = || match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let connected = PgConnection::connect_with(options).await;
    let mut connection = connected.map_err(|error| unreachable(&error, &place()))?;
    nodelay::set();
    connection.execute(SETTINGS).await.map_err(|error| failed(&error))?;
    Ok(connection)
}
