//! A PostgreSQL that a test may stop and kill.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::steered::wait_until;
use crate::world::{signal, variable};

/// A server of the test's own, killed where it is dropped.
pub(crate) struct OwnPostgres {
    folder: tempfile::TempDir,
    port: u16,
    server: Child,
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.kill();
    }
}

impl OwnPostgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> OwnPostgres {
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if let Some(user) = user() {
            chown(folder.path(), Some(user), None).unwrap();
        }
        let mut initdb = command(&folder, "initdb");
        initdb.args(["--pgdata=data", "--username=postgres", "--auth=trust", "--no-sync"]);
        assert!(initdb.stdout(Stdio::null()).status().unwrap().success());
        let server = server(&folder, port);
        let own = OwnPostgres { folder, port, server };
        wait_until("PostgreSQL", || own.answers());
        own
    }

    /// The URL of its database, with a password that it does not ask for.
    pub(crate) fn url(&self, password: &str) -> String {
        format!("postgres://postgres:{password}@127.0.0.1:{}/postgres", self.port)
    }

    /// Sends a signal to the process that takes connections.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.server, name);
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// Starts it again. What is left of a server that was killed may be in the way for a moment.
    pub(crate) fn start_again(&mut self) {
        let begun = Instant::now();
        while !self.answers() {
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not start again");
            if self.server.try_wait().unwrap().is_some() {
                self.server = server(&self.folder, self.port);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn answers(&self) -> bool {
        let mut ready = command(&self.folder, "pg_isready");
        ready.args(["--host=127.0.0.1", "--username=postgres", "--port", &self.port.to_string()]);
        ready.stdout(Stdio::null()).status().unwrap().success()
    }
}

fn server(folder: &tempfile::TempDir, port: u16) -> Child {
    let mut server = command(folder, "postgres");
    server.args(["-D", "data", "-p", &port.to_string()]);
    for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"] {
        server.args(["-c", setting]);
    }
    server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A program of PostgreSQL, in the server's folder and by a user whom it accepts.
fn command(folder: &tempfile::TempDir, program: &str) -> Command {
    let mut command = Command::new(PathBuf::from(variable("RESEAL_TEST_POSTGRES_PROGRAMS")).join(program));
    command.current_dir(folder.path()).stdin(Stdio::null());
    if let Some(user) = user() {
        command.uid(user);
    }
    command
}

/// Whom it runs as where the tests run as root, whom it refuses.
fn user() -> Option<u32> {
    let nobody = || {
        let output = Command::new("id").args(["-u", "nobody"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    };
    let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    is_root.then(nobody)
}
