//! PgBouncer between Reseal and PostgreSQL, in each of its modes.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::steered::{BACK, Holding, wait_until};
use crate::world::{World, variable};

/// A PgBouncer before the server of a world; stopped where it is dropped.
struct Pooler {
    process: Child,
    port: u16,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Pooler {
    /// Starts it with more lines of settings.
    fn start(world: &World, mode: &str, more: &str) -> Pooler {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = world.url.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1;
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={server} user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\nignore_startup_parameters = extra_float_digits\npool_mode = {mode}\n{more}"
        );
        let file = world.path("pgbouncer.ini");
        std::fs::write(&file, settings).unwrap();
        let mut command = Command::new(variable("RESEAL_TEST_PGBOUNCER"));
        // It refuses to be root.
        if world.folder.path().metadata().unwrap().uid() == 0 {
            command.args(["--user", "nobody"]);
            std::fs::set_permissions(world.folder.path(), Permissions::from_mode(0o755)).unwrap();
        }
        let process = command.arg(&file).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_until("PgBouncer", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        Pooler { process, port }
    }

    /// The URL of a world by way of it.
    fn url(&self, world: &World) -> String {
        let (server, database) = world.url.rsplit_once('/').unwrap();
        let (host, _) = server.rsplit_once(':').unwrap();
        format!("{host}:{}/{database}", self.port)
    }
}

/// What Reseal sets on a connection of its own.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN ('search_path', 'application_name', 'row_security', \
    'default_transaction_isolation', 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', \
    'plan_cache_mode', 'jit', 'client_min_messages', 'synchronous_commit', 'default_transaction_read_only') ORDER BY 1";

/// Watches that a pooler which lends connections for a transaction, or a statement, is told apart, whichever it lends, and that
/// what it lends next is as it was.
#[test]
fn a_pooler_that_lends_connections_is_refused_and_nothing_is_left_on_them() {
    for (mode, more) in [
        ("transaction", "default_pool_size = 1\n"),
        ("transaction", "default_pool_size = 5\n"),
        ("transaction", "default_pool_size = 5\nserver_round_robin = 1\n"),
        ("statement", "default_pool_size = 2\n"),
    ] {
        let at = format!("{mode} {more}");
        let mut world = World::new("postgres", "aes-gcm", 20);
        let before = world.digest();
        let pooler = Pooler::start(&world, mode, more);
        let pooled = pooler.url(&world);
        let here = std::mem::replace(&mut world.url, pooled);
        let settings = |world: &World| world.sql(&[SETTINGS]);
        let stood = settings(&world);
        if more.contains("default_pool_size = 5") {
            // It opens one when all others are lent. With only one of them, the same is lent again at once.
            drop((0..5).map(|_| Holding::of(&world, &["SELECT 1"])).collect::<Vec<_>>());
        }
        for args in [&["check", "PLAN", "--connect"][..], &["run", "PLAN", "--dry-run"], &["run", "PLAN"]] {
            let (exit, refused) = world.reseal(args);
            let named = refused.to_string().contains(r#""code":"pooled-connection""#);
            assert_eq!((exit, named), (3, true), "{at} {args:?}: {refused}");
            // Each of those that it lends, where it lends one after the other.
            for _ in 0..6 {
                assert_eq!(settings(&world), stood, "{at} {args:?}: something is left behind");
            }
        }
        world.url = here;
        assert_eq!(world.digest(), before, "{at}");
    }
}

/// A pool whose clients keep their connection is as good as the server itself.
#[test]
fn a_pooler_that_keeps_connections_serves() {
    let mut world = World::new("postgres", "aes-gcm", 500);
    let before = world.digest();
    let pooler = Pooler::start(&world, "session", "default_pool_size = 20\n");
    world.url = pooler.url(&world);
    let ends = |args: &[&str]| -> Value {
        let (exit, document) = world.reseal(args);
        assert_eq!(exit, 0, "{args:?}: {document}");
        document
    };
    ends(&["check", "PLAN", "--connect"]);
    assert_eq!(ends(&["run", "PLAN"])["state"], "complete");
    ends(&["verify", "PLAN"]);
    ends(&BACK);
    assert_eq!(world.digest(), before);
}
