//! `cargo xtask book`: builds the book in docs/ with mdBook. `cargo xtask tidy` checks its links.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use miette::miette;

use crate::process::Interrupt;
use crate::test;
use crate::workspace::Workspace;

/// What installs mdBook where it is not installed.
const REQUIREMENTS: &str = "xtask/book-requirements.txt";

/// Arguments of `cargo xtask book`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write to (default: `book` in the target folder)
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Builds the book. What mdBook warns of is an error.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let program = find_or_install(workspace, &interrupt)?;
    let out = args.out.clone().unwrap_or_else(|| workspace.target.join("book"));
    let build = Command::new(program)
        .arg("build")
        .arg(workspace.root.join("docs"))
        .arg("--dest-dir")
        .arg(&out)
        .output()
        .map_err(|error| miette!("cannot start mdbook: {error}"))?;
    let said = String::from_utf8_lossy(&build.stderr);
    if !build.status.success() || said.contains("WARN") || said.contains("ERROR") {
        return Err(miette!("mdbook: {said}"));
    }
    eprintln!("{}", out.join("index.html").display());
    Ok(())
}

/// The mdbook in the PATH, else one that is installed below the target folder.
fn find_or_install(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    let installed = PathBuf::from("mdbook");
    let mut probe = Command::new(&installed);
    if probe.arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        return Ok(installed);
    }
    let python = test::python_with(workspace, REQUIREMENTS, interrupt).map_err(|error| {
        miette!(help = "install it yourself: cargo install --locked mdbook", "mdbook: {error}")
    })?;
    Ok(python.with_file_name("mdbook"))
}
