//! What PostgreSQL says of itself.

use super::Postgres;
use super::facts::ask;
use super::url::place;
use crate::facts::ServerFacts;
use crate::{DatabaseIdentity, Kind, StoreError, Trouble};

pub(super) async fn server(session: &mut Postgres) -> Result<ServerFacts, StoreError> {
    let sql = "SELECT 'PostgreSQL ' || current_setting('server_version'), pg_is_in_recovery()::int::bigint";
    let Some(mut row) = ask(session, sql, &[], &[Kind::Text, Kind::Int]).await?.pop() else {
        return Ok(ServerFacts::default());
    };
    let (version, standby) = (row.text(), row.int() == 1);
    let unwritable = if standby {
        Some("it is a standby (pg_is_in_recovery)".to_owned())
    } else {
        session.line.began_read_only.then(|| "default_transaction_read_only is on".to_owned())
    };
    Ok(ServerFacts { version, unwritable, replication_problem: None, max_packet: None })
}

/// The database, and the cluster's system identifier, which every standby shares.
pub(super) async fn database_identity(session: &mut Postgres) -> Result<DatabaseIdentity, StoreError> {
    let name = ask(session, "SELECT current_database()::text", &[], &[Kind::Text]).await?.pop();
    let sql = "SELECT system_identifier::text FROM pg_control_system()";
    let server = match ask(session, sql, &[], &[Kind::Text]).await {
        // Anybody may ask, unless somebody took that back.
        Err(error) if error.trouble == Trouble::Permission => None,
        server => server?.pop(),
    };
    Ok(DatabaseIdentity {
        place: place(&session.options.to),
        name: name.map(|mut row| row.text()).unwrap_or_default(),
        server: server.map(|mut row| row.text()),
        ledger: None,
    })
}
