//! How a server is reached: by what its URL says and nothing that it does not, under TLS unless it is this machine, and not
//! for longer than a server takes to answer.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reseal_core::nearest;
use tokio::sync::OnceCell;

use crate::{StoreError, Trouble};

/// How long a server may take until it answers.
const LONGEST: Duration = Duration::from_secs(10);

/// How connections to a database are made, beside its URL.
#[derive(Clone, Default)]
pub(crate) struct Reach {
    /// Whether TLS may be left out on the way to another machine.
    pub(crate) allows_plaintext: bool,
    /// Whether no transaction may write.
    pub(crate) read_only: bool,
    /// Set by the first connection that finds the way to the server fit.
    pub(crate) is_fit: Arc<OnceCell<()>>,
}

/// Ends an opening to which the server says nothing.
pub(crate) async fn in_time<T>(
    opening: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silent = || {
        let why = format!("the server has not answered for {} seconds", LONGEST.as_secs());
        sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, why))
    };
    tokio::time::timeout(LONGEST, opening).await.unwrap_or_else(|_| Err(silent()))
}

/// What the parameters of a dialect's URLs are called; the first says how TLS is used, where there is any.
pub(crate) struct Parameters(pub(crate) &'static [&'static str]);

impl Parameters {
    /// Refuses a parameter that the driver would pass over: a misspelt one for TLS would mean plaintext.
    pub(crate) fn check(&self, url: &str) -> Result<(), StoreError> {
        let (_, query) = url.split_once('?').unwrap_or_default();
        let query = query.split('#').next().unwrap_or_default();
        let names = query.split('&').filter_map(|pair| pair.split('=').next());
        let mut unknown = names.filter(|name| !name.is_empty() && !self.knows(name));
        match unknown.next() {
            None => Ok(()),
            // Behind a question mark in a password, names are parts of it.
            Some(_) if query.contains('@') => Err(StoreError::new(
                Trouble::Parameter,
                "the database URL has an unknown parameter; write a `?` in a password as `%3F`",
            )),
            Some(name) => Err(StoreError::new(Trouble::Parameter, self.refusal(name))),
        }
    }

    fn knows(&self, name: &str) -> bool {
        let is_option = name.starts_with("options[") || name.to_ascii_lowercase().starts_with("options%5b");
        self.0.contains(&name) || (is_option && self.0.contains(&"options"))
    }

    fn refusal(&self, name: &str) -> String {
        let plain = name.to_ascii_lowercase();
        let is_of_tls = plain.contains("ssl") || plain.contains("tls");
        let of_tls = self.0.first().copied().filter(|_| is_of_tls);
        let meant = nearest(name, self.0).or(of_tls).map(|meant| format!("; did you mean `{meant}`?"));
        let name: String =
            name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(40).collect();
        format!("the database URL has an unknown parameter: `{name}`{}", meant.unwrap_or_default())
    }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Parameters = Parameters(&["sslmode", "sslrootcert", "sslkey", "options"]);

    #[test]
    fn a_parameter_that_is_not_understood_is_named_and_its_value_is_not() {
        let refused = |query: &str| KNOWN.check(&format!("postgres://u:p@h/d?{query}")).unwrap_err().message;
        for (query, name, meant) in [
            ("sslmod=SECRET", "`sslmod`", "`sslmode`"),
            ("sslmode=require&sslpassword=SECRET", "`sslpassword`", "`sslmode`"),
            ("tls=SECRET", "`tls`", "`sslmode`"),
            ("option=SECRET#x", "`option`", "`options`"),
            ("SSLMODE=SECRET", "`SSLMODE`", "`sslmode`"),
        ] {
            let said = refused(query);
            assert!(
                said.contains(name) && said.contains(meant) && !said.contains("SECRET"),
                "{query}: {said}"
            );
        }
        assert!(!refused("farfetched=SECRET").contains("mean"));
        // A password with a question mark in it.
        let said = KNOWN.check("postgres://u:pa?SECRET@h/d").unwrap_err().message;
        assert!(said.contains("%3F") && !said.contains("SECRET"), "{said}");
        for query in ["", "sslmode=require", "options[search_path]=x", "options%5Bsearch_path%5D=x&sslkey=k"]
        {
            assert!(KNOWN.check(&format!("postgres://h/d?{query}")).is_ok(), "{query}");
        }
        assert!(KNOWN.check("postgres://h/d").is_ok());
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.8.9.10", "::1", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in
            ["db", "10.0.0.1", "0.0.0.0", "[::2]", "localhost.example.org", "127.0.0.1.example.org", ""]
        {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
