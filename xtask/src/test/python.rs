//! Virtual environments of Python: that of the foreign producers, and those of programs that come as a package of Python's.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use miette::{IntoDiagnostic, WrapErr};

use super::programs::{find_or_install, which};
use crate::process::{self, Interrupt};
use crate::workspace::Workspace;

/// What the foreign producers need.
const PRODUCERS: &str = "tests/producers/requirements.txt";

/// The interpreter of the foreign producers.
pub(super) fn prepare(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<PathBuf> {
    environment(workspace, PRODUCERS, interrupt)
}

/// The interpreter of an environment with what a file of requirements pins, which is made where it is not there yet.
pub(super) fn environment(
    workspace: &Workspace,
    requirements: &str,
    interrupt: &Interrupt,
) -> miette::Result<PathBuf> {
    let file = workspace.root.join(requirements);
    let text = std::fs::read_to_string(&file).into_diagnostic().wrap_err_with(|| requirements.to_owned())?;
    let python = find_or_install(find_python, interrupt)?;

    let mut hasher = DefaultHasher::new();
    (&text, &python).hash(&mut hasher);
    let folder = workspace.target.join(format!("xtask/python-{:016x}", hasher.finish()));
    let (interpreter, ready) = (folder.join("bin/python"), folder.join("ready"));
    // The mark is written last: an environment that was interrupted half-way is made anew.
    if ready.exists() {
        return Ok(interpreter);
    }
    eprintln!("xtask: creating a Python environment with {requirements}");
    process::run_quietly(Command::new(&python).args(["-m", "venv", "--clear"]).arg(&folder), interrupt)?;
    let mut pip = Command::new(&interpreter);
    pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&file);
    process::run_quietly(&mut pip, interrupt)?;
    std::fs::write(ready, "").into_diagnostic()?;
    Ok(interpreter)
}

/// A Python that can make virtual environments; Debian keeps `ensurepip` in a package of its own.
fn find_python() -> Result<PathBuf, String> {
    let python = which(&["python3"]).ok_or("Python 3")?;
    let mut probe = Command::new(&python);
    probe.args(["-c", "import venv, ensurepip"]).stdout(Stdio::null()).stderr(Stdio::null());
    if probe.status().is_ok_and(|status| status.success()) {
        Ok(python)
    } else {
        Err("Python's venv".to_owned())
    }
}
