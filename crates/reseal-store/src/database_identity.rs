//! Which database a connection has reached: not the URL, which a proxy, a name server or a file moved into place can lead
//! elsewhere, but what the database says of itself.

use serde_json::{Value, json};

/// Which database it is. Two that differ in anything are two databases, or one that was restored or moved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// Where it was reached: host and port, a socket, or the path of a file.
    pub place: String,
    /// The database's name on its server; for a file, empty.
    pub name: String,
    /// What the server tells itself by: PostgreSQL's system identifier, MariaDB's `server_uid`, MySQL's `server_uuid`; for a
    /// file, device and inode. `None` where it does not tell.
    pub server: Option<String>,
    /// What the ledger is told by since it was made; `None` where there is no ledger yet.
    pub ledger: Option<String>,
}

impl DatabaseIdentity {
    /// The same as a JSON document with a fixed order of its keys: what is signed.
    #[must_use]
    pub fn encode(&self) -> String {
        let DatabaseIdentity { place, name, server, ledger } = self;
        json!({ "ledger": ledger, "name": name, "place": place, "server": server }).to_string()
    }

    /// Reads what [`DatabaseIdentity::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        Some(DatabaseIdentity {
            place: text("place")?,
            name: text("name")?,
            server: text("server"),
            ledger: text("ledger"),
        })
    }
}

impl std::fmt::Display for DatabaseIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let DatabaseIdentity { place, name, server, ledger } = self;
        match name.is_empty() {
            true => f.write_str(place)?,
            false => write!(f, "{name} at {place}")?,
        }
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, " (server {}, ledger {})", or_none(server), or_none(ledger))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_back_as_it_was_written() {
        let known = DatabaseIdentity {
            place: "db\"1:5432".into(),
            name: "app".into(),
            server: Some("7412".into()),
            ledger: None,
        };
        assert_eq!(DatabaseIdentity::decode(&known.encode()), Some(known.clone()));
        assert_eq!(known.to_string(), "app at db\"1:5432 (server 7412, ledger none)");
        assert_eq!(DatabaseIdentity::decode(""), None);
    }
}
