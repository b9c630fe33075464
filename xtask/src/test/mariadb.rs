//! A throwaway MariaDB.

use std::path::PathBuf;
use std::process::Command;

use miette::WrapErr;

use super::programs::{find_or_install, which};
use super::server::{Place, Server};
use crate::process::{self, Interrupt};

/// Settings that make the server fast to throw away; none changes what a statement means. Its general log stays off: it
/// prints bound values, and a first encryption is refused while it does. The character set is the one that Debian sets in the files that `--no-defaults` skips.
const SETTINGS: [&str; 9] = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--max-connections=200",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--innodb-buffer-pool-size=256M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-lock-wait-timeout=5",
];

struct Programs {
    install: PathBuf,
    server: PathBuf,
    admin: PathBuf,
}

impl Programs {
    fn find() -> Result<Self, String> {
        let program = |names: &[&str]| which(names).ok_or_else(|| format!("MariaDB ({})", names[0]));
        Ok(Programs {
            install: program(&["mariadb-install-db", "mysql_install_db"])?,
            server: program(&["mariadbd", "mysqld"])?,
            admin: program(&["mariadb-admin", "mysqladmin"])?,
        })
    }
}

/// A server that is killed has lost nothing of what it committed.
const DURABLE: [&str; 1] = ["--innodb-flush-log-at-trx-commit=2"];

/// Makes an empty data folder and starts a server on it.
pub(super) fn start(interrupt: &Interrupt) -> miette::Result<Server> {
    start_with(&[], interrupt)
}

/// Makes an empty data folder and starts a server on it that may be killed.
pub(super) fn start_durable(interrupt: &Interrupt) -> miette::Result<Server> {
    start_with(&DURABLE, interrupt)
}

/// What has a server write all that it is sent to files of one folder: its own logs, and those of its audit plugin. It takes
/// TLS, by a certificate in the folder `tls`.
const LOGGED: [&str; 11] = [
    "--ssl-cert=../tls/ca.pem",
    "--ssl-key=../tls/ca.key",
    "--log-output=FILE",
    "--general-log=ON",
    "--general-log-file=../logs/general.log",
    "--slow-query-log=ON",
    "--slow-query-log-file=../logs/slow.log",
    "--long-query-time=0",
    "--plugin-load-add=server_audit",
    "--server-audit-logging=ON",
    "--server-audit-file-path=../logs/audit.log",
];

/// Makes an empty data folder and starts a server on it that writes what it is sent to the folder `logs`, with TLS.
/// `certificate` makes the certificate.
pub(super) fn start_logged(certificate: &mut Command, interrupt: &Interrupt) -> miette::Result<Server> {
    let place = Place::new()?;
    place.make_folder("logs")?;
    place.certify(certificate, interrupt)?;
    start_at(place, &LOGGED, interrupt)
}

fn start_with(more: &[&str], interrupt: &Interrupt) -> miette::Result<Server> {
    start_at(Place::new()?, more, interrupt)
}

fn start_at(place: Place, more: &[&str], interrupt: &Interrupt) -> miette::Result<Server> {
    let programs = find_or_install(Programs::find, interrupt)?;
    let option = |name: &str, file: &str| format!("--{name}={}", place.path(file).display());
    let data = option("datadir", "data");
    let mut install = place.command(&programs.install);
    // `normal`: root may log in over TCP without a password; the default asks for the socket of the system's root.
    install.args(["--no-defaults", &data, "--auth-root-authentication-method=normal"]);
    install.args(["--skip-name-resolve", "--skip-test-db"]);
    process::run_quietly(&mut install, interrupt).wrap_err("cannot create a MariaDB data directory")?;

    let port = place.port.to_string();
    let mut server = place.command(&programs.server);
    server.args(["--no-defaults", &data, "--port", &port]).args(SETTINGS).args(more);
    server.args([option("socket", "socket"), option("pid-file", "pid"), option("tmpdir", "")]);
    let ready = || {
        let mut ready = Command::new(&programs.admin);
        ready.args([
            "--no-defaults",
            "--protocol=tcp",
            "--host=127.0.0.1",
            "--user=root",
            "--port",
            &port,
            "ping",
        ]);
        ready
    };
    let url = format!("mysql://root@127.0.0.1:{port}/");
    place.start("MariaDB", url, server, ready, interrupt)
}
