//! `cargo xtask test`: what the tests need, then all of them. Nothing is skipped: what is missing is a failure.

mod mariadb;
mod postgres;
mod programs;
mod python;
mod server;
mod softhsm;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{self, Interrupt};
use crate::workspace::{self, Workspace};
pub(crate) use server::Server;

/// Features that tests need and a build does not have by itself, as `crate/feature`.
const FEATURES: [&str; 3] = ["reseal-cli/age", "reseal-cli/aws-kms", "reseal-cli/pkcs11"];

/// What tests are told, by name. The URLs are also taken from the environment: a server that is named there is used
/// instead of a throwaway one.
mod variable {
    /// A PostgreSQL whose user may create databases.
    pub(super) const POSTGRES_URL: &str = "RESEAL_TEST_POSTGRES_URL";
    /// A file with every statement that PostgreSQL was asked to execute.
    pub(super) const POSTGRES_LOG: &str = "RESEAL_TEST_POSTGRES_LOG";
    /// A MariaDB whose user may create databases.
    pub(super) const MYSQL_URL: &str = "RESEAL_TEST_MYSQL_URL";
    /// A MariaDB that writes all it is sent to logs.
    pub(super) const LOGGED_MYSQL_URL: &str = "RESEAL_TEST_LOGGED_MYSQL_URL";
    /// The folder of those logs.
    pub(super) const MYSQL_LOGS: &str = "RESEAL_TEST_MYSQL_LOGS";
    /// The certificate by which that server takes TLS.
    pub(super) const MYSQL_CERTIFICATE: &str = "RESEAL_TEST_MYSQL_CERTIFICATE";
    /// A PostgreSQL that takes TLS.
    pub(super) const TLS_POSTGRES_URL: &str = "RESEAL_TEST_TLS_POSTGRES_URL";
    /// The certificate by which it does.
    pub(super) const POSTGRES_CERTIFICATE: &str = "RESEAL_TEST_POSTGRES_CERTIFICATE";
    /// The program PgBouncer.
    pub(super) const PGBOUNCER: &str = "RESEAL_TEST_PGBOUNCER";
    /// A Python that imports what tests/producers/requirements.txt names.
    pub(super) const PYTHON: &str = "RESEAL_TEST_PYTHON";
    /// The program age; age-keygen lies beside it.
    pub(super) const AGE: &str = "RESEAL_TEST_AGE";
    /// The folder of PostgreSQL's programs.
    pub(super) const POSTGRES_PROGRAMS: &str = "RESEAL_TEST_POSTGRES_PROGRAMS";
    /// PostgreSQL's client.
    pub(super) const PSQL: &str = "RESEAL_TEST_PSQL";
    /// The library of SoftHSM2.
    pub(super) const SOFTHSM: &str = "RESEAL_TEST_SOFTHSM";
}

/// Arguments of `cargo xtask test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Arguments for the test runner, such as a filter or `-p CRATE`
    #[arg(last = true)]
    runner: Vec<String>,
}

/// What tests need; dropped, its servers stop.
pub(crate) struct Bed {
    environment: Vec<(&'static str, OsString)>,
    _servers: Vec<Server>,
}

impl Bed {
    /// The programs that tests need.
    fn programs(
        workspace: &Workspace,
        interrupt: &Interrupt,
    ) -> miette::Result<Vec<(&'static str, OsString)>> {
        Ok(vec![
            (variable::AGE, programs::age(interrupt)?.into()),
            (variable::PGBOUNCER, programs::pgbouncer(interrupt)?.into()),
            (variable::POSTGRES_PROGRAMS, postgres::programs(interrupt)?.into()),
            (variable::PSQL, postgres::psql(interrupt)?.into()),
            (variable::PYTHON, python::prepare(workspace, interrupt)?.into()),
            (variable::SOFTHSM, softhsm::library(interrupt)?.into()),
        ])
    }

    /// The same with servers.
    pub(crate) fn start(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<Bed> {
        let environment = Bed::programs(workspace, interrupt)?;
        Bed::with_servers(workspace, environment, interrupt)
    }

    fn with_servers(
        workspace: &Workspace,
        mut environment: Vec<(&'static str, OsString)>,
        interrupt: &Interrupt,
    ) -> miette::Result<Bed> {
        let postgres = own_server(variable::POSTGRES_URL, || postgres::start(interrupt))?;
        let mariadb = own_server(variable::MYSQL_URL, || mariadb::start(interrupt))?;
        if let Some(server) = &postgres {
            environment.push((variable::POSTGRES_URL, server.url.clone().into()));
            environment.push((variable::POSTGRES_LOG, server.log.clone().into()));
        }
        if let Some(server) = &mariadb {
            environment.push((variable::MYSQL_URL, server.url.clone().into()));
        }
        let python = python::prepare(workspace, interrupt)?;
        let certificate = || {
            let mut command = Command::new(&python);
            command.arg(workspace.root.join("tests/producers/certificate.py"));
            command
        };
        let logged = mariadb::start_logged(&mut certificate(), interrupt)?;
        environment.push((variable::LOGGED_MYSQL_URL, logged.url.clone().into()));
        environment.push((variable::MYSQL_LOGS, logged.path("logs").into()));
        environment.push((variable::MYSQL_CERTIFICATE, logged.path("tls/ca.pem").into()));
        let tls = postgres::start_with_tls(&mut certificate(), interrupt)?;
        environment.push((variable::TLS_POSTGRES_URL, tls.url.clone().into()));
        environment.push((variable::POSTGRES_CERTIFICATE, tls.path("tls/ca.pem").into()));
        let servers = postgres.into_iter().chain(mariadb).chain([logged, tls]).collect();
        Ok(Bed { environment, _servers: servers })
    }

    /// What tests are told, by name.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> + '_ {
        self.environment.iter().cloned()
    }
}

/// Starts what tests need, runs them, and stops everything again, however they end.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let environment = Bed::programs(workspace, &interrupt)?;
    build(workspace, &args.runner, &interrupt)?;

    // The servers stop where this is dropped: at the end of this function, whichever way it ends.
    let bed = Bed::with_servers(workspace, environment, &interrupt)?;
    let nextest = nextest_is_installed();
    if nextest && args.runner.is_empty() {
        // nextest knows nothing of the examples in documentation.
        process::run(cargo(workspace, &["test", "--doc", "--quiet"]).args(everything()), &interrupt)?;
    }
    let runner: &[&str] = if nextest { &["nextest", "run"] } else { &["test", "--no-fail-fast"] };
    let mut tests = cargo(workspace, runner);
    if !names_packages(&args.runner) {
        tests.args(everything());
    }
    process::run(tests.args(&args.runner).envs(bed.environment()), &interrupt)
}

/// Builds the binaries that end-to-end tests run. All targets at once, since cargo then settles on the features that
/// it needs for the tests too, and nothing is compiled twice.
fn build(workspace: &Workspace, runner: &[String], interrupt: &Interrupt) -> miette::Result<()> {
    let mut command = cargo(workspace, &["build"]);
    if !names_packages(runner) {
        command.arg("--all-targets").args(everything());
    } else if runner.iter().any(|word| word.ends_with("reseal-tests")) {
        command.args(["--package", "reseal-cli", "--bins"]).args(features());
    } else {
        return Ok(());
    }
    process::run(&mut command, interrupt)
}

fn cargo(workspace: &Workspace, verb: &[&str]) -> Command {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(&workspace.root).args(verb);
    command
}

fn everything() -> impl Iterator<Item = &'static str> {
    ["--workspace"].into_iter().chain(features())
}

/// The features that tests need, as arguments.
pub(crate) fn features() -> impl Iterator<Item = &'static str> {
    FEATURES.into_iter().flat_map(|feature| ["--features", feature])
}

fn names_packages(runner: &[String]) -> bool {
    runner.iter().any(|word| word.starts_with("-p") || word.starts_with("--package"))
}

/// psql, and a Python with what the foreign producers need.
pub(crate) fn tools(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<(PathBuf, PathBuf)> {
    Ok((postgres::psql(interrupt)?, python::prepare(workspace, interrupt)?))
}

/// A Python with what the foreign producers need.
pub(crate) fn python(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    python::prepare(workspace, interrupt)
}

/// A Python with what a file of requirements pins; the programs of its packages lie beside it.
pub(crate) fn python_with(
    workspace: &Workspace,
    requirements: &str,
    interrupt: &Interrupt,
) -> miette::Result<PathBuf> {
    python::environment(workspace, requirements, interrupt)
}

/// The program as tests run it, built as they build it.
pub(crate) fn binary(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    build(workspace, &[], interrupt)?;
    Ok(workspace.target.join("debug/reseal"))
}

/// A PostgreSQL of our own that keeps what it committed when it is killed.
pub(crate) fn durable_postgres(interrupt: &Interrupt) -> miette::Result<Server> {
    postgres::start_durable(interrupt)
}

/// A MariaDB of our own that keeps what it committed when it is killed.
pub(crate) fn durable_mariadb(interrupt: &Interrupt) -> miette::Result<Server> {
    mariadb::start_durable(interrupt)
}

/// The PostgreSQL that the environment names, else one of our own, which stops when it is dropped; and its URL.
pub(crate) fn postgres_for_bench(interrupt: &Interrupt) -> miette::Result<(Option<Server>, String)> {
    let server = own_server(variable::POSTGRES_URL, || postgres::start_measured(interrupt))?;
    let named = || std::env::var(variable::POSTGRES_URL).unwrap_or_default();
    let url = server.as_ref().map_or_else(named, |server| server.url.clone());
    Ok((server, url))
}

/// A server of our own, unless the environment names one.
fn own_server(url: &str, start: impl FnOnce() -> miette::Result<Server>) -> miette::Result<Option<Server>> {
    if std::env::var_os(url).is_some() {
        eprintln!("xtask: using the server that {url} names");
        return Ok(None);
    }
    start().map(Some)
}

fn nextest_is_installed() -> bool {
    let mut probe = Command::new("cargo");
    probe.args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
