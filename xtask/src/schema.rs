//! `cargo xtask schema`: the JSON Schema of the plan language, for editors.
//!
//! The example `schema` of reseal-registry prints it: only that crate knows all plugins, and with it comes more than
//! the other chores should wait for. A test of that crate keeps the file current.

use std::path::Path;
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::workspace::{self, Workspace};

const FILE: &str = "rotation-plans/plan.schema.json";

/// Arguments of `cargo xtask schema`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail where the file is not what the types say
    #[arg(long)]
    check: bool,
}

/// Writes the schema, or checks that it is current.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let schema = print(&workspace.root)?;
    let file = workspace.root.join(FILE);
    if !args.check {
        return std::fs::write(&file, schema).into_diagnostic().wrap_err(FILE);
    }
    match std::fs::read(&file) {
        Ok(present) if present == schema => Ok(()),
        _ => Err(miette!(help = "run `cargo xtask schema`", "{FILE} is not what the types say")),
    }
}

fn print(root: &Path) -> miette::Result<Vec<u8>> {
    let mut example = Command::new(workspace::cargo());
    example.current_dir(root).args(["run", "--quiet", "--package", "reseal-registry", "--example", "schema"]);
    let output =
        example.stderr(Stdio::inherit()).output().into_diagnostic().wrap_err("cannot start cargo")?;
    if output.status.success() { Ok(output.stdout) } else { Err(miette!("cannot print the schema")) }
}
