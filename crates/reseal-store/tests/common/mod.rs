//! A database for each test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use reseal_store::Database;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// An empty database of its own.
pub(crate) struct Scratch {
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) async fn new(store: &str) -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        let name = unused_name();
        let variable = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
        };
        let url = match store {
            "sqlite" => format!("sqlite://{}/scratch.db?mode=rwc", folder.path().display()),
            "postgres" => created(&variable("RESEAL_TEST_POSTGRES_URL"), &name).await,
            _ => created(&variable("RESEAL_TEST_MYSQL_URL"), &name).await,
        };
        Scratch { url, _folder: folder }
    }
}

/// A name that no database of the server has: databases outlive their process, whose number the next one may have.
fn unused_name() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
    format!("reseal_scratch_{}_{since:x}_{number}", std::process::id())
}

/// Makes a database on a server; gives its URL.
async fn created(server: &str, name: &str) -> String {
    let mut session = Database::parse(server).unwrap().connect().await.unwrap();
    session.script(&[format!("CREATE DATABASE {name}")]).await.unwrap();
    let scheme = server.find("://").unwrap() + 3;
    let host = server[scheme..].find('/').map_or(server, |slash| &server[..scheme + slash]);
    format!("{host}/{name}")
}
