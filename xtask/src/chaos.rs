//! `cargo xtask chaos`: real engines under live writers, with faults at random moments, held against an oracle.
//!
//! The suite itself is in tests/producers/chaos and holds no code of Reseal. What is here brings it the program, servers of
//! its own, and each of them again once the suite has killed it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;
use miette::miette;
use rustix::process::Signal;

use crate::process::{Group, Interrupt};
use crate::test::{self, Server};
use crate::workspace::Workspace;

/// Arguments of `cargo xtask chaos`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this store; can be repeated
    #[arg(long)]
    store: Vec<Store>,
    /// Seed of the first episode, increased by one for each later episode (default: the time)
    #[arg(long)]
    seed: Option<u64>,
    /// Total minutes for all stores
    #[arg(long, default_value_t = 5.0)]
    minutes: f64,
    /// Maximum number of episodes per store; use 1 to replay a seed
    #[arg(long)]
    episodes: Option<u32>,
    /// Print events as they happen
    #[arg(long)]
    verbose: bool,
    /// Existing binary to test instead of a new build
    #[arg(long)]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    Sqlite,
    Postgres,
    Mysql,
}

const STORES: [Store; 3] = [Store::Sqlite, Store::Postgres, Store::Mysql];

impl Store {
    fn name(self) -> &'static str {
        match self {
            Store::Sqlite => "sqlite",
            Store::Postgres => "postgres",
            Store::Mysql => "mysql",
        }
    }

    /// A server of its own, where the store has one.
    fn server(self, interrupt: &Interrupt) -> miette::Result<Option<Server>> {
        match self {
            Store::Sqlite => Ok(None),
            Store::Postgres => test::durable_postgres(interrupt).map(Some),
            Store::Mysql => test::durable_mariadb(interrupt).map(Some),
        }
    }
}

/// Plays episodes on one store after the other. An error names the stores where something did not hold.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let python = test::python(workspace, &interrupt)?;
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => test::binary(workspace, &interrupt)?,
    };
    let seed = args.seed.unwrap_or_else(now);
    let stores = if args.store.is_empty() { STORES.to_vec() } else { args.store.clone() };
    let seconds = args.minutes * 60.0 / stores.len() as f64;
    let mut violated = Vec::new();
    for store in stores {
        let mut suite = Command::new(&python);
        suite.arg(workspace.root.join("tests/producers/chaos")).arg("--binary").arg(&binary);
        suite.args(["--store", store.name(), "--seed", &seed.to_string(), "--seconds", &seconds.to_string()]);
        suite.args(args.episodes.iter().map(|episodes| format!("--episodes={episodes}")));
        suite.args(args.verbose.then_some("--verbose"));
        if !play(&mut suite, store.server(&interrupt)?, &interrupt)? {
            violated.push(store.name());
        }
    }
    match violated.is_empty() {
        true => Ok(()),
        false => Err(miette!("a check failed on {}; the seeds are printed above", violated.join(", "))),
    }
}

/// Seconds since 1970: another seed each time, and short enough to type.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() % 1_000_000)
}

/// Lets the suite work to its end, and brings its server back whenever it has killed it. False: something did not hold.
fn play(suite: &mut Command, mut server: Option<Server>, interrupt: &Interrupt) -> miette::Result<bool> {
    if let Some(server) = &server {
        suite.args(["--url", server.url()]).arg("--pid-file").arg(pid_file(&server.path("")));
    }
    let mut group = Group::spawn(suite, Signal::INT)?;
    loop {
        if let Some(status) = group.ended()? {
            return Ok(status.success());
        }
        if let Some(server) = &mut server {
            server.revive()?;
        }
        interrupt.pause()?;
    }
}

/// Where MariaDB writes its process number; PostgreSQL's processes are asked for by SQL.
fn pid_file(folder: &Path) -> PathBuf {
    folder.join("pid")
}
