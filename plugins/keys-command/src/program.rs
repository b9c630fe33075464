//! Starting a program: no shell, an environment of its own, a process group of its own.

use std::ffi::OsString;
use std::io;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// What every child may see of Reseal's environment.
pub const ALWAYS_PASSED: [&str; 3] = ["PATH", "HOME", "LANG"];

/// A program that was started. Dropped before [`Started::is_over`], it is killed with all that it started in turn.
pub struct Started {
    /// The program itself; its standard output is a pipe, its standard input is empty.
    pub child: Child,
    group: Option<Pid>,
}

/// A program, its arguments, and where it is started.
#[derive(Clone, Copy)]
pub struct CommandLine<'a> {
    /// The program and its arguments.
    pub words: &'a [String],
    /// The folder that it works in; Reseal's own where it is empty.
    pub folder: &'a str,
}

/// Starts a program with `env` beside [`ALWAYS_PASSED`].
///
/// # Errors
/// When it is not there or may not be run.
pub fn start(line: CommandLine<'_>, env: Vec<(OsString, OsString)>, stderr: Stdio) -> io::Result<Started> {
    let Some((program, arguments)) = line.words.split_first() else {
        return Err(io::Error::from(io::ErrorKind::NotFound));
    };
    let passed = ALWAYS_PASSED.into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?)));
    let mut command = Command::new(program);
    if !line.folder.is_empty() {
        command.current_dir(line.folder);
    }
    let child = command
        .args(arguments)
        .env_clear()
        .envs(passed.chain(env))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    Ok(Started { child, group })
}

impl Started {
    /// The program came to its end by itself: what it left running is its own business.
    pub fn is_over(mut self) {
        self.group = None;
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Why a program was not started, and what to do.
#[must_use]
pub fn not_started(error: &io::Error) -> (&'static str, &'static str) {
    match error.kind() {
        io::ErrorKind::NotFound => ("was not found", "use its full path, or add its directory to PATH"),
        io::ErrorKind::PermissionDenied => {
            ("cannot be executed by this user", "make it executable for this user")
        }
        _ => ("could not be started", "run it yourself to see its error"),
    }
}
