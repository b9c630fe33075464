//! `cargo xtask schema`: the JSON Schema of the plan language, for editors, and its page in the book.
//!
//! Examples of reseal-registry print them: only that crate knows all plugins, and with it comes more than the other
//! chores should wait for. A test of that crate keeps both files current.

use std::path::Path;
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::workspace::{self, Workspace};

/// A file, and the example that prints it.
struct Printed {
    file: &'static str,
    example: &'static str,
}

const FILES: [Printed; 2] = [
    Printed { file: "rotation-plans/plan.schema.json", example: "schema" },
    Printed { file: "docs/plan.md", example: "reference" },
];

/// Arguments of `cargo xtask schema`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if a file does not match the types
    #[arg(long)]
    check: bool,
}

/// Writes the files, or checks that they are current.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    FILES.iter().try_for_each(|printed| one(&workspace.root, printed, args.check))
}

fn one(root: &Path, Printed { file, example }: &Printed, check: bool) -> miette::Result<()> {
    let text = print(root, example)?;
    let path = root.join(file);
    if !check {
        return std::fs::write(&path, text).into_diagnostic().wrap_err(*file);
    }
    match std::fs::read(&path) {
        Ok(present) if present == text => Ok(()),
        _ => Err(miette!(help = "run `cargo xtask schema`", "{file} does not match the types")),
    }
}

fn print(root: &Path, example: &str) -> miette::Result<Vec<u8>> {
    let mut command = Command::new(workspace::cargo());
    command.current_dir(root).args(["run", "--quiet", "--package", "reseal-registry", "--example", example]);
    let output =
        command.stderr(Stdio::inherit()).output().into_diagnostic().wrap_err("cannot start cargo")?;
    if output.status.success() { Ok(output.stdout) } else { Err(miette!("cannot print the {example}")) }
}
