//! A control database for each test.

use std::sync::atomic::{AtomicU32, Ordering};

use reseal_store::{Book, Database, Session};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A control database of its own.
pub(crate) struct Control {
    pub(crate) database: Database,
    _folder: tempfile::TempDir,
}

impl Control {
    pub(crate) async fn new(store: &str) -> Control {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("reseal_control_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
        };
        let url = match store {
            "sqlite" => format!("sqlite://{}/control.db?mode=rwc", folder.path().display()),
            "postgres" => created(&variable("RESEAL_TEST_POSTGRES_URL"), &name).await,
            _ => created(&variable("RESEAL_TEST_MYSQL_URL"), &name).await,
        };
        let database = Database::parse(&url).unwrap();
        database.connect().await.unwrap().migrate(Book::Control).await.unwrap();
        Control { database, _folder: folder }
    }

    pub(crate) async fn session(&self) -> Session {
        self.database.connect().await.unwrap()
    }
}

/// Makes a database on a server; gives its URL.
async fn created(server: &str, name: &str) -> String {
    let mut session = Database::parse(server).unwrap().connect().await.unwrap();
    session.script(&[format!("CREATE DATABASE {name}")]).await.unwrap();
    let scheme = server.find("://").unwrap() + 3;
    let host = server[scheme..].find('/').map_or(server, |slash| &server[..scheme + slash]);
    format!("{host}/{name}")
}
