//! What the throwaway servers have in common: a folder, a port, a user without privileges, a log, an end.

use std::fs::File;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use miette::{IntoDiagnostic, WrapErr, miette};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{self, Group, Interrupt};

/// A slow disk under a busy machine takes its time; a server that does not come up ends at once and is told apart.
const START: Duration = Duration::from_secs(120);

/// Both take SIGQUIT for "stop now": nothing that they hold is needed again.
const STOP: Signal = Signal::QUIT;

/// A running server. Dropping it stops the server and deletes its folder, in this order.
pub(crate) struct Server {
    pub(super) url: String,
    /// Every statement that the server was asked to execute.
    pub(super) log: PathBuf,
    group: Group,
    command: Command,
    place: Place,
}

impl Server {
    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A path inside its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// Starts it again where it has ended; whoever ended it waits until it answers.
    pub(crate) fn revive(&mut self) -> miette::Result<()> {
        if self.group.ended()?.is_some() {
            self.group = Group::spawn(&mut self.command, STOP)?;
        }
        Ok(())
    }
}

/// Where a server lives while the tests run.
pub(super) struct Place {
    folder: TempDir,
    pub(super) port: u16,
    /// Whom the server runs as where xtask is root: both servers refuse or discourage root.
    user: Option<(u32, u32)>,
}

impl Place {
    /// A new folder that belongs to the server's user, and a port that was free a moment ago.
    pub(super) fn new() -> miette::Result<Self> {
        let folder = tempfile::Builder::new().prefix("reseal-test-").tempdir().into_diagnostic()?;
        let user = if rustix::process::geteuid().is_root() { Some(nobody()?) } else { None };
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(folder.path(), Some(uid), Some(gid)).into_diagnostic()?;
        }
        let listener = TcpListener::bind("127.0.0.1:0").into_diagnostic()?;
        let port = listener.local_addr().into_diagnostic()?.port();
        Ok(Place { folder, port, user })
    }

    /// Makes a folder inside it that belongs to the server's user.
    pub(super) fn make_folder(&self, name: &str) -> miette::Result<()> {
        let path = self.path(name);
        std::fs::create_dir(&path).into_diagnostic()?;
        let (uid, gid) = self.user.unzip();
        std::os::unix::fs::chown(path, uid, gid).into_diagnostic()
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Makes a certificate for 127.0.0.1 inside it, and its key, which belongs to the server's user.
    pub(super) fn certify(&self, certificate: &mut Command, interrupt: &Interrupt) -> miette::Result<()> {
        self.make_folder("tls")?;
        process::run_quietly(certificate.arg(self.path("tls")).arg("127.0.0.1"), interrupt)?;
        let (uid, gid) = self.user.unzip();
        std::os::unix::fs::chown(self.path("tls/ca.key"), uid, gid).into_diagnostic()
    }

    /// A command that runs as the server's user, in the folder.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// Starts the server and waits until `ready` succeeds.
    pub(super) fn start(
        self,
        name: &str,
        url: String,
        mut server: Command,
        ready: impl Fn() -> Command,
        interrupt: &Interrupt,
    ) -> miette::Result<Server> {
        let log = self.path("server.log");
        let file = File::create(&log).into_diagnostic()?;
        server.stdout(file.try_clone().into_diagnostic()?).stderr(file);
        let mut group = Group::spawn(&mut server, STOP)?;
        let deadline = Instant::now() + START;
        while !succeeds(&mut ready())? {
            if group.ended()?.is_some() || Instant::now() > deadline {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(miette!("{name} did not start:\n{said}"));
            }
            interrupt.pause()?;
        }
        eprintln!("xtask: {name} is running on 127.0.0.1:{}", self.port);
        Ok(Server { url, log, group, command: server, place: self })
    }
}

fn succeeds(command: &mut Command) -> miette::Result<bool> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    Ok(status.into_diagnostic().wrap_err_with(|| command.get_program().display().to_string())?.success())
}

/// The ids of the user that owns nothing; there on every system, before any server's own user is.
fn nobody() -> miette::Result<(u32, u32)> {
    let ask = |what: &str| -> miette::Result<u32> {
        let output = Command::new("id").args([what, "nobody"]).output().into_diagnostic()?;
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .map_err(|_| miette!("there is no user `nobody` for the test servers to run as"))
    };
    Ok((ask("-u")?, ask("-g")?))
}
