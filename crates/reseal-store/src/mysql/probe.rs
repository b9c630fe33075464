//! Whether a server answers.

use std::str::FromStr;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::{ConnectOptions as _, Connection as _};

use super::trouble::failed;
use super::url::{place, secured};
use crate::StoreError;
use crate::reach::in_time;

/// Logs in, asks for an answer, and says goodbye: a server may log a client that just goes away.
pub(crate) async fn probe(url: &str, allows_plaintext: bool) -> Result<(), StoreError> {
    let to = MySqlConnectOptions::from_str(url).map_err(|error| failed(&error))?;
    let to = secured(to.disable_statement_logging(), allows_plaintext)?;
    let asked = async {
        let mut connection = MySqlConnection::connect_with(&to).await?;
        connection.ping().await?;
        connection.close().await
    };
    in_time(asked).await.map_err(|error| StoreError::unreachable(failed(&error), &error, &place(&to)))
}
