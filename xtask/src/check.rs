//! `cargo xtask check`: `reseal check` over plans of the repository.
//!
//! It runs the program instead of linking to it: a plan is judged as a user's would be, and the other chores do not
//! wait until everything that the program needs is built.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::workspace::{self, Workspace};

/// The folders of the plans that Reseal ships: whole ones, and those that the book takes its examples from.
const PLANS: [&str; 2] = ["rotation-plans", "docs/plan"];

/// Arguments of `cargo xtask check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Plans to check (default: all in rotation-plans/ and docs/plan/)
    plans: Vec<PathBuf>,
}

/// Checks plans, and ends as `reseal check` does.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let plans = if args.plans.is_empty() { shipped(&workspace.root)? } else { args.plans.clone() };
    let mut check = Command::new(workspace::cargo());
    // Some of them name age files, which a plain build refuses.
    check.args(["run", "--quiet", "--package", "reseal-cli", "--features", "age", "--manifest-path"]);
    check.arg(workspace.root.join("Cargo.toml")).args(["--", "check"]).args(plans);
    Err(check.exec()).into_diagnostic().wrap_err("cannot start cargo")
}

fn shipped(root: &Path) -> miette::Result<Vec<PathBuf>> {
    let mut plans = Vec::new();
    for folder in PLANS {
        let entries = std::fs::read_dir(root.join(folder)).into_diagnostic().wrap_err(folder)?;
        let files = entries.flatten().map(|entry| entry.path());
        plans.extend(files.filter(|file| file.extension().is_some_and(|end| end == "yaml")));
    }
    plans.sort();
    if plans.is_empty() { Err(miette!("{} contain no plan", PLANS.join(" and "))) } else { Ok(plans) }
}
