//! The project's own chores, one file each.

mod bench;
mod book;
mod chaos;
mod check;
mod deny;
mod dist;
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

/// Development tasks of the project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Compare the speed of Reseal with plain UPDATE statements
    Bench(bench::Args),
    /// Build the book in docs/
    Book(book::Args),
    /// Rotate under live writers and faults, and check the result
    Chaos(chaos::Args),
    /// Check plans without a database or keys
    Check(check::Args),
    /// Check dependencies: licences, sources, duplicate ciphers, advisories
    Deny(deny::Args),
    /// Build the packages for a release
    Dist(dist::Args),
    /// Measure the memory of an idle daemon over simulated hours
    Idle(idle::Args),
    /// Remove guards one by one and check that their tests fail
    Mutate(mutate::Args),
    /// Create and register a new plugin
    NewPlugin(new_plugin::Args),
    /// Write the JSON Schema and the reference of the plan language
    Schema(schema::Args),
    /// Start temporary databases and run all tests
    Test(test::Args),
    /// Check the rules of the repository
    Tidy(tidy::Args),
}

fn main() -> miette::Result<()> {
    let cli = Cli::parse();
    let workspace = Workspace::find()?;
    match cli.chore {
        Chore::Bench(args) => bench::run(&workspace, &args),
        Chore::Book(args) => book::run(&workspace, &args),
        Chore::Chaos(args) => chaos::run(&workspace, &args),
        Chore::Check(args) => check::run(&workspace, &args),
        Chore::Deny(args) => deny::run(&workspace, &args),
        Chore::Dist(args) => dist::run(&workspace, &args),
        Chore::Idle(args) => idle::run(&workspace, &args),
        Chore::Mutate(args) => mutate::run(&workspace, &args),
        Chore::NewPlugin(args) => new_plugin::run(&workspace, &args),
        Chore::Schema(args) => schema::run(&workspace, &args),
        Chore::Test(args) => test::run(&workspace, &args),
        Chore::Tidy(args) => tidy::run(&workspace, &args),
    }
}
