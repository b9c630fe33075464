//! What a URL of PostgreSQL says, and what it must not mean.

use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::trouble::failed;
use crate::StoreError;
use crate::reach::{Parameters, is_loopback};

/// What the driver reads.
pub(crate) const PARAMETERS: Parameters = Parameters(&[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
]);

/// Where the server is.
pub(super) fn place(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// What a URL says, with TLS on the way to another machine unless `plaintext` is allowed.
pub(super) fn parsed(url: &str, allowed: bool) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| failed(&error))?;
    secured(options.disable_statement_logging(), allowed)
}

/// Asks for TLS where the server is another machine, unless `plaintext` is allowed: by itself the driver would go on without
/// where the server, or somebody in between, says that it takes none.
fn secured(options: PgConnectOptions, allowed: bool) -> Result<PgConnectOptions, StoreError> {
    let host = options.get_host();
    let is_local = options.get_socket().is_some() || host.starts_with('/') || is_loopback(host);
    match options.get_ssl_mode() {
        _ if is_local || allowed => Ok(options),
        PgSslMode::Disable => Err(StoreError::plaintext(&place(&options), "the URL turns TLS off")),
        PgSslMode::Allow | PgSslMode::Prefer => Ok(options.ssl_mode(PgSslMode::Require)),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => Ok(options),
    }
}
