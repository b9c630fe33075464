//! What MariaDB or MySQL says of itself.

use super::Mysql;
use super::facts::ask;
use crate::facts::ServerFacts;
use crate::{DatabaseIdentity, Kind, StoreError};

pub(super) async fn server(session: &mut Mysql) -> Result<ServerFacts, StoreError> {
    let sql = "SELECT CAST(@@version AS CHAR), CAST(@@read_only AS SIGNED), CAST(@@log_bin AS SIGNED), \
               CAST(@@binlog_format AS CHAR)";
    let kinds = [Kind::Text, Kind::Int, Kind::Int, Kind::Text];
    let Some(mut row) = ask(session, sql, None, &kinds).await?.pop() else {
        return Ok(ServerFacts::default());
    };
    let (version, read_only) = (row.text(), row.int() == 1);
    let (log_bin, binlog_format) = (row.int() == 1, row.text());
    Ok(ServerFacts {
        version: format!("MySQL protocol, {version}"),
        unwritable: read_only.then(|| "read_only is ON".to_owned()),
        replication_problem: (log_bin && binlog_format == "STATEMENT").then(|| {
            "with binlog_format = STATEMENT, the server rejects updates under READ COMMITTED; set it to ROW \
             or MIXED"
                .to_owned()
        }),
        max_packet: u64::try_from(session.packet.bytes).ok(),
    })
}

/// The database, and what the server is told by: `server_uid` of MariaDB (10.5 has none), `server_uuid` of MySQL.
pub(super) async fn database_identity(session: &mut Mysql) -> Result<DatabaseIdentity, StoreError> {
    let name = ask(session, "SELECT DATABASE()", None, &[Kind::Text]).await?.pop();
    let sql = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uid', 'server_uuid')";
    let server = ask(session, sql, None, &[Kind::Text, Kind::Text]).await?.pop();
    Ok(DatabaseIdentity {
        place: session.place.clone(),
        name: name.map(|mut row| row.text()).unwrap_or_default(),
        server: server.and_then(|mut row| {
            row.text();
            row.optional_text()
        }),
        ledger: None,
    })
}
