//! The command `reseal`.
//!
//! **Invariant:** results go to stdout, everything else to stderr; with `--json` stdout holds exactly one JSON
//! document at every exit. No key and no plaintext goes anywhere.

mod args;
mod commands;
mod exit;
mod memory;
mod output;
mod signals;
mod table;
mod terminal;
mod version;
mod view;
mod warnings;
mod wrap;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::FromArgMatches as _;
use reseal_app::{Caller, Failure};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::args::{Cli, Command};

/// Rows are made on one thread and dropped on another, by the hundred thousand: measured, a tenth less CPU than with the
/// allocator of glibc.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // A core dump would hold keys.
    let _ = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0);
    memory::keep_private();
    memory::keep_from_swap();
    if output::logs_json() {
        std::panic::set_hook(Box::new(|panic| output::log_line("ERROR", &panic.to_string(), None)));
    }
    let parsed = args::command().try_get_matches();
    let cli = match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&args::suggest(error)),
    };
    logging(&cli);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return exit::end(cli.json, Err(Failure::failed("runtime", error.to_string()))),
    };
    let caller = Caller { operator: reseal_app::operator(), frontend: Box::new(terminal::Terminal) };
    let outcome = runtime.block_on(commands::run(&cli, &caller));
    exit::end(cli.json, outcome)
}

/// Logs go to stderr: warnings by default, what `RUST_LOG` asks for otherwise. Libraries below Reseal are never
/// asked for more than warnings: what they print at finer levels is not ours to vouch for. The database driver is asked for
/// nothing: it hands on what triggers say in a warning, and values of a URL's parameters. Neither is the scheduler, which calls
/// a job that ended just then an error; what it could not do, the daemon says itself. Notices that a plan sends to the
/// log are logged in any case.
fn logging(cli: &Cli) {
    let asked = std::env::var("RUST_LOG").unwrap_or_default();
    // Every crate of Reseal has a target that begins with its name.
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target(warnings::NOTICES, LevelFilter::INFO)
        .with_target("sqlx", LevelFilter::OFF)
        .with_target("tokio_cron_scheduler", LevelFilter::OFF)
        .with_target("reseal", level(&asked));
    let filtered = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    let done = match cli.log_json {
        true => filtered.with(lines.json().with_writer(|| output::HarmlessStderr { json: true })).try_init(),
        // A daemon writes for months, wherever it writes to: its lines have times.
        false if matches!(cli.command, Command::Serve(_)) => filtered
            .with(lines.with_target(false).with_writer(|| output::HarmlessStderr { json: false }))
            .try_init(),
        false if std::io::stderr().is_terminal() => {
            filtered.with(lines.event_format(warnings::ForPeople { width: Some(warnings::width) })).try_init()
        }
        false => filtered.with(lines.event_format(warnings::ForPeople { width: None })).try_init(),
    };
    debug_assert!(done.is_ok());
}

/// The level in what `RUST_LOG` says; a directive for one target counts for all of Reseal.
fn level(asked: &str) -> LevelFilter {
    let words = asked.to_ascii_lowercase();
    [
        ("trace", LevelFilter::TRACE),
        ("debug", LevelFilter::DEBUG),
        ("info", LevelFilter::INFO),
        ("warn", LevelFilter::WARN),
        ("error", LevelFilter::ERROR),
        ("off", LevelFilter::OFF),
    ]
    .into_iter()
    .find_map(|(word, level)| words.contains(word).then_some(level))
    .unwrap_or(LevelFilter::WARN)
}
