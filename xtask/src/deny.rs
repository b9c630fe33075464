//! `cargo xtask deny`: checks the dependencies by the rules of deny.toml, with cargo-deny.
//!
//! Licences, sources, banned and duplicate crates need no network once cargo has downloaded the crates. Advisories come from
//! a database that is fetched each time. Where that fails, the output says that they were not checked.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use miette::miette;

use crate::process::{self, Interrupt};
use crate::test;
use crate::workspace::Workspace;

/// What installs cargo-deny where it is not installed.
const REQUIREMENTS: &str = "xtask/deny-requirements.txt";

/// Checks that need no advisory database.
const OFFLINE: [&str; 3] = ["bans", "licenses", "sources"];

/// Arguments of `cargo xtask deny`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Fail if the advisory database cannot be fetched
    #[arg(long)]
    require_advisories: bool,
}

/// Checks all that deny.toml asks for.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let program = find_or_install(workspace, &interrupt)?;
    let deny = |words: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(&workspace.root).args(["--locked"]).args(words);
        command
    };
    let check = ["check", "--hide-inclusion-graph"];
    process::run(deny(&check).args(OFFLINE), &interrupt)?;
    match process::run_quietly(&mut deny(&["fetch", "db"]), &interrupt) {
        Ok(()) => process::run(deny(&check).arg("advisories"), &interrupt),
        Err(why) if args.require_advisories => Err(why),
        Err(why) => {
            interrupt.check()?;
            eprintln!("deny: {why}");
            eprintln!(
                "deny: NOT CHECKED: advisories and yanked versions (cannot fetch the advisory database)"
            );
            Ok(())
        }
    }
}

/// The cargo-deny in the PATH, else one that is installed below the target folder.
fn find_or_install(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    let installed = PathBuf::from("cargo-deny");
    let mut probe = Command::new(&installed);
    if probe.arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Ok(installed);
    }
    let python = test::python_with(workspace, REQUIREMENTS, interrupt).map_err(|error| {
        miette!(help = "install it yourself: `cargo install --locked cargo-deny`", "cargo-deny: {error}")
    })?;
    Ok(python.with_file_name("cargo-deny"))
}
