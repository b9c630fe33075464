//! Whether a server answers.

use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::trouble::unreachable;
use super::url::{parsed, place};
use crate::StoreError;
use crate::reach::in_time;

/// Logs in, asks for an answer, and says goodbye: a server may log a client that just goes away.
pub(crate) async fn probe(url: &str, allows_plaintext: bool) -> Result<(), StoreError> {
    let to = parsed(url, allows_plaintext)?;
    let asked = async {
        let mut connection = PgConnection::connect_with(&to).await?;
        connection.ping().await?;
        connection.close().await
    };
    in_time(asked).await.map_err(|error| unreachable(&error, &place(&to)))
}
