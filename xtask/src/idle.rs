//! `cargo xtask idle`: what memory a daemon takes that has little to do, over hours of a clock that runs 120 times as fast.
//!
//! It ends with an error where the daemon takes more than the bar, or still grows after the first half hour.

#![allow(clippy::print_stdout)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use miette::{IntoDiagnostic, bail, miette};

use crate::workspace::Workspace;

/// Arguments of `cargo xtask idle`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Simulated minutes
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(60..=100_000))]
    minutes: u32,
    /// Existing binary to test instead of a new build
    #[arg(long)]
    binary: Option<PathBuf>,
}

const SPEED: u32 = 120;
/// The most resident memory, in bytes.
const BAR: u64 = 30 << 20;
/// What two looks may differ by without growth: pages that the allocator has not given back yet.
const NOISE: u64 = 1 << 20;

/// Reminders, key ages and a log: what runs for months. The census is a process of its own.
const SCHEDULE: &str = "
schedule:
  zone: Europe/Berlin
  reminder: { cron: \"*/15 * * * *\", do: { remind: review } }
  key-age: { cron: \"0 * * * *\", do: key-age }
  count: { cron: \"30 * * * *\", do: census }
notify:
  via: { log: { log: {} } }
  on: { remind: [log], key-age: [log], failed: [log], audit-broken: [log], connection-errors: [log] }
";

/// A daemon and where it shows its metrics.
struct Daemon {
    child: Child,
    address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the plan of the demo, and prints what memory it takes.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => workspace.dist()?,
    };
    let folder = tempfile::tempdir().into_diagnostic()?;
    let daemon = serve(&binary, folder.path())?;
    println!("{:>17}  {:>12}", "simulated minutes", "resident MiB");
    let mut seen = Vec::new();
    let mut minutes = 0;
    for stop in [2, 15, 30, 60].into_iter().chain((90..=args.minutes).step_by(30)) {
        let passes = Duration::from_secs(60 * u64::from(stop - minutes)) / SPEED;
        std::thread::sleep(passes);
        minutes = stop;
        let bytes = daemon.resident()?;
        println!("{minutes:>17}  {:>12.1}", mib(bytes));
        seen.push((minutes, bytes));
    }
    let most = seen.iter().map(|(_, bytes)| *bytes).max().unwrap_or_default();
    if most > BAR {
        bail!("{:.1} MiB is more than the limit of {:.0} MiB", mib(most), mib(BAR));
    }
    let settled = seen.iter().find(|(minutes, _)| *minutes == 30).map_or(0, |(_, bytes)| *bytes);
    let last = seen.last().map_or(0, |(_, bytes)| *bytes);
    if last > settled + NOISE {
        bail!("memory grew from {:.1} to {:.1} MiB after the first half hour", mib(settled), mib(last));
    }
    println!("no growth after the first half hour");
    Ok(())
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn serve(binary: &Path, folder: &Path) -> miette::Result<Daemon> {
    let demo = Command::new(binary).arg("demo").arg(folder.join("demo")).output().into_diagnostic()?;
    if !demo.status.success() {
        bail!("the demo failed: {}", String::from_utf8_lossy(&demo.stderr));
    }
    let plan = folder.join("demo/plan.yaml");
    let text = std::fs::read_to_string(&plan).into_diagnostic()?;
    std::fs::write(&plan, text + SCHEDULE).into_diagnostic()?;
    let now = Command::new("date").args(["-u", "+%FT%TZ"]).output().into_diagnostic()?;
    let now = String::from_utf8_lossy(&now.stdout).trim().to_owned();
    let mut child = Command::new(binary)
        .arg("serve")
        .arg(&plan)
        .args(["--listen", "127.0.0.1:0", "--clock-for-tests", &format!("{now},{now},{SPEED}")])
        .current_dir(folder.join("demo"))
        .env("RESEAL_DATABASE_URL", format!("sqlite://{}/control.db?mode=rwc", folder.display()))
        .env("XDG_STATE_HOME", folder)
        .env("RUST_LOG", "info")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .into_diagnostic()?;
    let stderr = child.stderr.take().ok_or_else(|| miette!("no stderr"))?;
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let listening = lines.find_map(|line| Some(line.split_once("listening on ")?.1.trim().to_owned()));
    // What it says from here on is nobody's concern, but a full pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    let address = listening.ok_or_else(|| miette!("the daemon exited before it listened"))?;
    Ok(Daemon { child, address })
}

impl Daemon {
    fn resident(&self) -> miette::Result<u64> {
        let mut stream = TcpStream::connect(&self.address).into_diagnostic()?;
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: reseal\r\nConnection: close\r\n\r\n")
            .into_diagnostic()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).into_diagnostic()?;
        let line = answer.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes "));
        line.and_then(|bytes| bytes.trim().parse().ok())
            .ok_or_else(|| miette!("the memory metric is missing"))
    }
}
