//! What a URL of MariaDB or MySQL says, and what it must not mean.

use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::StoreError;
use crate::reach::{Parameters, is_loopback};

/// What the driver reads.
pub(crate) const PARAMETERS: Parameters = Parameters(&[
    "ssl-mode",
    "sslmode",
    "ssl-ca",
    "sslca",
    "ssl-cert",
    "sslcert",
    "ssl-key",
    "sslkey",
    "charset",
    "collation",
    "statement-cache-capacity",
    "socket",
    "timezone",
    "time-zone",
]);

/// Where the server is.
pub(super) fn place(options: &MySqlConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Asks for TLS where the server is another machine, unless plaintext is allowed: by itself the driver would go on without
/// where the server, or somebody in between, says that it takes none.
pub(super) fn secured(
    options: MySqlConnectOptions,
    allowed: bool,
) -> Result<MySqlConnectOptions, StoreError> {
    let is_local = options.get_socket().is_some() || is_loopback(options.get_host());
    match options.get_ssl_mode() {
        _ if is_local || allowed => Ok(options),
        MySqlSslMode::Disabled => Err(StoreError::plaintext(&place(&options), "the URL turns TLS off")),
        MySqlSslMode::Preferred => Ok(options.ssl_mode(MySqlSslMode::Required)),
        MySqlSslMode::Required | MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => Ok(options),
    }
}
