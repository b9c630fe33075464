//! The project's own chores, one file each.

mod process;
mod test;
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
    /// Start throwaway databases, then run every test against them
    Test(test::Args),
}

fn main() -> miette::Result<()> {
    let cli = Cli::parse();
    let workspace = Workspace::find()?;
    match cli.chore {
        Chore::Test(args) => test::run(&workspace, &args),
    }
}
