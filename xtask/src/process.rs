//! Programs that xtask runs: each in a process group of its own, so that it can be stopped with all its children, and
//! a Ctrl-C in the terminal reaches xtask first, which stops things in order.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic, WrapErr, miette};
use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

const POLL: Duration = Duration::from_millis(20);
/// What nextest gives its own tests before it kills them.
const GRACE: Duration = Duration::from_secs(10);

/// Whether someone asked xtask to stop.
#[derive(Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From here on, Ctrl-C and its kin no longer end xtask but are reported here.
    pub(crate) fn listen() -> miette::Result<Self> {
        let flag = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&flag)).into_diagnostic()?;
        }
        Ok(Interrupt(flag))
    }

    /// An error once someone asked to stop.
    pub(crate) fn check(&self) -> miette::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(miette!("interrupted")) } else { Ok(()) }
    }

    /// Sleeps for a moment, in a loop that waits for something.
    pub(crate) fn pause(&self) -> miette::Result<()> {
        sleep(POLL);
        self.check()
    }
}

/// A child with its whole process group; both are gone when this is dropped.
pub(crate) struct Group {
    child: Child,
    /// How the group is asked to stop.
    stop: Signal,
}

impl Group {
    /// Starts a program that is asked to stop with `stop`.
    pub(crate) fn spawn(command: &mut Command, stop: Signal) -> miette::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .into_diagnostic()
            .wrap_err_with(|| format!("cannot start {}", command.get_program().display()))?;
        Ok(Group { child, stop })
    }

    /// How the program ended, if it has.
    pub(crate) fn ended(&mut self) -> miette::Result<Option<ExitStatus>> {
        self.child.try_wait().into_diagnostic()
    }

    fn signal(&self, signal: Signal) {
        // A group that is gone already is what we want.
        let _gone = kill_process_group(Pid::from_child(&self.child), signal);
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        self.signal(self.stop);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            sleep(POLL);
        }
        self.signal(Signal::KILL);
        let _status = self.child.wait();
    }
}

/// Runs a program to its end, its output going where ours goes.
pub(crate) fn run(command: &mut Command, interrupt: &Interrupt) -> miette::Result<()> {
    let mut group = Group::spawn(command, Signal::INT)?;
    let status = loop {
        if let Some(status) = group.ended()? {
            break status;
        }
        interrupt.pause()?;
    };
    if status.success() { Ok(()) } else { Err(miette!("{} failed: {status}", shown(command))) }
}

/// Runs a program to its end and shows its output only where it fails.
pub(crate) fn run_quietly(command: &mut Command, interrupt: &Interrupt) -> miette::Result<()> {
    let output = tempfile::tempfile().into_diagnostic()?;
    let (stdout, stderr) = (output.try_clone().into_diagnostic()?, output.try_clone().into_diagnostic()?);
    run(command.stdout(stdout).stderr(stderr), interrupt)
        .map_err(|error| interrupt.check().err().unwrap_or_else(|| miette!("{error}\n{}", contents(output))))
}

fn contents(mut file: std::fs::File) -> String {
    use std::io::{Read, Seek};
    let mut bytes = Vec::new();
    let read = file.rewind().and_then(|()| file.read_to_end(&mut bytes));
    read.map_or_else(|error| error.to_string(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
