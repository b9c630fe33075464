//! The project's own chores, one file each.

mod bench;
mod chaos;
mod check;
mod deny;
mod idle;
mod mutate;
mod new_plugin;
mod process;
mod schema;
mod test;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use workspace::Workspace;

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Measure Reseal against the bare UPDATE and one UPDATE a row
    Bench(bench::Args),
    /// Rotate under live writers and faults, held against what the writers know
    Chaos(chaos::Args),
    /// Check plans, with no database and no key
    Check(check::Args),
    /// Check dependencies: licences, sources, duplicate ciphers, advisories
    Deny(deny::Args),
    /// Watch the memory of an idle daemon over simulated hours
    Idle(idle::Args),
    /// Take guards away one by one: the tests that watch them must fail
    Mutate(mutate::Args),
    /// Write the folder of a new plugin and register it
    NewPlugin(new_plugin::Args),
    /// Write the JSON Schema of the plan language
    Schema(schema::Args),
    /// Start throwaway databases, then run every test against them
    Test(test::Args),
    /// Check the rules of the repository
    Tidy(tidy::Args),
}

fn main() -> miette::Result<()> {
    let cli = Cli::parse();
    let workspace = Workspace::find()?;
    match cli.chore {
        Chore::Bench(args) => bench::run(&workspace, &args),
        Chore::Chaos(args) => chaos::run(&workspace, &args),
        Chore::Check(args) => check::run(&workspace, &args),
        Chore::Deny(args) => deny::run(&workspace, &args),
        Chore::Idle(args) => idle::run(&workspace, &args),
        Chore::Mutate(args) => mutate::run(&workspace, &args),
        Chore::NewPlugin(args) => new_plugin::run(&workspace, &args),
        Chore::Schema(args) => schema::run(&workspace, &args),
        Chore::Test(args) => test::run(&workspace, &args),
        Chore::Tidy(args) => tidy::run(&workspace, &args),
    }
}
