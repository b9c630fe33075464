//! A throwaway PostgreSQL.

use std::path::PathBuf;
use std::process::Command;

use miette::WrapErr;

use super::programs::{find_or_install, which};
use super::server::{Place, Server};
use crate::process::{self, Interrupt};

/// Settings that make the server fast to throw away, or make it tell what it was asked; none changes what a statement
/// means. `log_parameter_max_length` is off since a first encryption is refused while parameters are logged; tests
/// that want them set it on their own database.
const SETTINGS: [&str; 10] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=200",
    "fsync=off",
    "full_page_writes=off",
    "synchronous_commit=off",
    "log_destination=stderr",
    "logging_collector=off",
    "log_statement=all",
    "log_parameter_max_length=0",
];

/// What can log the parameters of statements beside the server itself; tests switch it on for their own database.
const EXTENSIONS: [&str; 1] = ["shared_preload_libraries=auto_explain,pgaudit"];

struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
    ready: PathBuf,
}

impl Programs {
    /// All three from one installation, so that their versions agree.
    fn find() -> Result<Self, String> {
        let initdb = which(&["initdb"]).and_then(|file| file.canonicalize().ok());
        let initdb = initdb.ok_or("PostgreSQL (initdb)")?;
        let programs = Programs {
            postgres: initdb.with_file_name("postgres"),
            ready: initdb.with_file_name("pg_isready"),
            initdb,
        };
        // Both are packages of their own on some systems; their absence would fail tests in a less telling way.
        for (name, of) in [("pgcrypto", "postgresql-contrib"), ("pgaudit", "postgresql-VERSION-pgaudit")] {
            if !is_installed(&programs.initdb, name) {
                return Err(format!("{name} ({of})"));
            }
        }
        Ok(programs)
    }
}

fn is_installed(initdb: &std::path::Path, extension: &str) -> bool {
    let output = Command::new(initdb.with_file_name("pg_config")).arg("--sharedir").output();
    let folder = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    folder.is_ok_and(|folder| PathBuf::from(folder).join(format!("extension/{extension}.control")).exists())
}

/// Settings of a server that is measured: as safe as a new installation, with the data in its cache.
const MEASURED: [&str; 4] =
    ["listen_addresses=127.0.0.1", "unix_socket_directories=", "shared_buffers=512MB", "max_wal_size=4GB"];

/// After the settings of tests: a server of which a process is killed has lost nothing of what it committed.
const DURABLE: [&str; 2] = ["synchronous_commit=on", "log_statement=none"];

/// Makes an empty cluster and starts it to be killed.
pub(super) fn start_durable(interrupt: &Interrupt) -> miette::Result<Server> {
    start_with(&[&SETTINGS[..], &DURABLE].concat(), interrupt)
}

/// Makes an empty cluster and starts it for tests.
pub(super) fn start(interrupt: &Interrupt) -> miette::Result<Server> {
    start_with(&[&SETTINGS[..], &EXTENSIONS].concat(), interrupt)
}

/// Makes an empty cluster and starts it for measuring.
pub(super) fn start_measured(interrupt: &Interrupt) -> miette::Result<Server> {
    start_with(&MEASURED, interrupt)
}

/// What has a server take TLS, by a certificate in the folder `tls` beside its data.
const TLS: [&str; 3] = ["ssl=on", "ssl_cert_file=../tls/ca.pem", "ssl_key_file=../tls/ca.key"];

/// Makes an empty cluster and starts it with TLS. `certificate` makes the certificate.
pub(super) fn start_with_tls(certificate: &mut Command, interrupt: &Interrupt) -> miette::Result<Server> {
    let place = Place::new()?;
    place.certify(certificate, interrupt)?;
    start_at(place, &[&SETTINGS[..], &TLS].concat(), interrupt)
}

fn start_with(settings: &[&str], interrupt: &Interrupt) -> miette::Result<Server> {
    start_at(Place::new()?, settings, interrupt)
}

fn start_at(place: Place, settings: &[&str], interrupt: &Interrupt) -> miette::Result<Server> {
    let programs = find_or_install(Programs::find, interrupt)?;
    let (data, port) = (place.path("data"), place.port.to_string());
    let mut initdb = place.command(&programs.initdb);
    initdb.arg("--pgdata").arg(&data);
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]);
    process::run_quietly(&mut initdb, interrupt).wrap_err("cannot create a PostgreSQL cluster")?;

    let mut server = place.command(&programs.postgres);
    server.arg("-D").arg(&data).args(["-p", &port]);
    server.args(settings.iter().flat_map(|setting| ["-c", setting]));
    let ready = || {
        let mut ready = Command::new(&programs.ready);
        ready.args(["--host=127.0.0.1", "--port", &port, "--username=postgres", "--dbname=postgres"]);
        ready
    };
    let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    place.start("PostgreSQL", url, server, ready, interrupt)
}

/// The folder of the server's programs.
pub(super) fn programs(interrupt: &Interrupt) -> miette::Result<PathBuf> {
    let Programs { mut initdb, .. } = find_or_install(Programs::find, interrupt)?;
    initdb.pop();
    Ok(initdb)
}

/// The client with which a foreign producer speaks to PostgreSQL.
pub(super) fn psql(interrupt: &Interrupt) -> miette::Result<PathBuf> {
    find_or_install(|| which(&["psql"]).ok_or_else(|| "psql".to_owned()), interrupt)
}
