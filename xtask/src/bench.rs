//! `cargo xtask bench`: Reseal against the bare `UPDATE` of the same rows and against one `UPDATE` a row.
//!
//! All three alternate within one run on one PostgreSQL, each on a fresh copy of the same table, since machines are
//! noisy and only ratios of one run mean something.

#![allow(clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use miette::{IntoDiagnostic, bail};

use crate::process::Interrupt;
use crate::test;
use crate::workspace::Workspace;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Number of rows, each with two AES-GCM cells
    #[arg(long, default_value_t = 200_000)]
    rows: u32,
    /// Number of rounds; medians are printed
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Build of an earlier commit to measure in the same rounds
    #[arg(long)]
    against: Option<PathBuf>,
}

/// Who writes the rows anew.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Writer {
    BareUpdate,
    Reseal,
    ResealWithoutUndo,
    /// What `Reseal` wrote, put back.
    Rollback,
    UpdatePerRow,
    /// `Reseal` and `Rollback` by the other build.
    OtherReseal,
    OtherRollback,
}

const WRITERS: [Writer; 5] =
    [Writer::BareUpdate, Writer::UpdatePerRow, Writer::Reseal, Writer::ResealWithoutUndo, Writer::Rollback];
const OTHERS: [Writer; 2] = [Writer::OtherReseal, Writer::OtherRollback];

/// Where the bench works, and with what.
struct Bench {
    psql: PathBuf,
    url: String,
    binary: PathBuf,
    against: Option<PathBuf>,
    folder: tempfile::TempDir,
}

/// Runs the rounds and prints medians and ratios.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let (psql, python) = test::tools(workspace, &interrupt)?;
    let (server, url) = test::postgres_for_bench(&interrupt)?;
    let binary = workspace.dist()?;
    let others = if args.against.is_some() { &OTHERS[..] } else { &[] };
    let writers = [&WRITERS, others].concat();
    let against = args.against.clone();
    let bench = Bench { psql, url, binary, against, folder: tempfile::tempdir().into_diagnostic()? };
    bench.seed(&python, &workspace.root, args.rows)?;
    let mut seconds: Vec<Vec<f64>> = vec![Vec::new(); writers.len()];
    for round in 1..=args.rounds {
        for (writer, seconds) in writers.iter().zip(&mut seconds) {
            seconds.push(bench.time(*writer)?);
        }
        eprintln!("round {round} of {}", args.rounds);
    }
    drop(server);
    let medians: Vec<f64> = seconds.iter_mut().map(|all| median(all)).collect();
    println!("{} rows, two AES-GCM cells each, medians of {} rounds", args.rows, args.rounds);
    println!("{:<22} {:>9} {:>14} {:>16}", "", "seconds", "x bare UPDATE", "x faster than");
    println!("{:<22} {:>9} {:>14} {:>16}", "", "", "", "UPDATE per row");
    for (writer, median) in writers.iter().zip(&medians) {
        let name = format!("{writer:?}");
        println!("{name:<22} {median:>9.2} {:>14.2} {:>16.1}", median / medians[0], medians[1] / median);
    }
    Ok(())
}

fn median(all: &mut [f64]) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

impl Bench {
    /// Cells by pyca/cryptography, loaded with COPY; and the statements of the way that runbooks go.
    fn seed(&self, python: &Path, root: &Path, rows: u32) -> miette::Result<()> {
        let made = Command::new(python)
            .arg(root.join("tests/producers/bench.py"))
            .arg(rows.to_string())
            .current_dir(self.folder.path())
            .status()
            .into_diagnostic()?;
        if !made.success() {
            bail!("the rows could not be generated");
        }
        self.sql("DROP TABLE IF EXISTS seed; CREATE TABLE seed (id bigint, a text, b text)")?;
        self.psql(&["-c", "\\copy seed FROM rows.tsv"])?;
        for (name, undo) in [("keep", "keep"), ("none", "none")] {
            let plan =
                PLAN.replace("UNDO", undo).replace("FOLDER", &self.folder.path().display().to_string());
            std::fs::write(self.folder.path().join(format!("{name}.yaml")), plan).into_diagnostic()?;
        }
        Ok(())
    }

    /// One writer on a fresh copy of the table, with nothing left to write for the server.
    fn time(&self, writer: Writer) -> miette::Result<f64> {
        self.sql("DROP TABLE IF EXISTS people; DROP SCHEMA IF EXISTS reseal CASCADE; CREATE TABLE people AS TABLE seed; \
                  ALTER TABLE people ADD PRIMARY KEY (id); ALTER TABLE people ALTER a SET NOT NULL")?;
        self.sql("VACUUM ANALYZE people")?;
        if matches!(writer, Writer::Rollback | Writer::OtherRollback) {
            self.reseal(writer, &RUN)?;
        }
        self.sql("CHECKPOINT")?;
        let begun = Instant::now();
        match writer {
            Writer::BareUpdate => self.sql("UPDATE people SET a = a || '', b = b || ''")?,
            Writer::UpdatePerRow => self.psql(&["-q", "-f", "per-row.sql"])?,
            Writer::Reseal | Writer::OtherReseal => self.reseal(writer, &RUN)?,
            Writer::ResealWithoutUndo => self.reseal(writer, &["run", "none.yaml", "--workers", "2"])?,
            Writer::Rollback | Writer::OtherRollback => {
                self.reseal(writer, &["rollback", "keep.yaml", "--confirm", "bench"])?;
            }
        }
        Ok(begun.elapsed().as_secs_f64())
    }

    fn reseal(&self, writer: Writer, args: &[&str]) -> miette::Result<()> {
        // An earlier build knows nothing of a later one's control database.
        let (binary, control) = match (&self.against, writer) {
            (Some(other), Writer::OtherReseal | Writer::OtherRollback) => (other, "control-other.db"),
            _ => (&self.binary, "control.db"),
        };
        let output = Command::new(binary)
            .args(args)
            .arg("--json")
            .env("BENCH_DATABASE_URL", &self.url)
            // Not the catalogue and trail of whoever measures.
            .env(
                "RESEAL_DATABASE_URL",
                format!("sqlite:{}?mode=rwc", self.folder.path().join(control).display()),
            )
            .current_dir(self.folder.path())
            .output()
            .into_diagnostic()?;
        if !output.status.success() {
            bail!("reseal {args:?}: {}", String::from_utf8_lossy(&output.stdout));
        }
        Ok(())
    }

    fn sql(&self, sql: &str) -> miette::Result<()> {
        self.psql(&["-q", "-c", sql])
    }

    fn psql(&self, args: &[&str]) -> miette::Result<()> {
        let status = Command::new(&self.psql)
            .args(["-X", "-v", "ON_ERROR_STOP=1", &self.url])
            .args(args)
            .env("PGOPTIONS", "-c client_min_messages=warning")
            .current_dir(self.folder.path())
            .stdout(Stdio::null())
            .status()
            .into_diagnostic()?;
        if !status.success() {
            bail!("psql {args:?} failed");
        }
        Ok(())
    }
}

const RUN: [&str; 4] = ["run", "keep.yaml", "--workers", "2"];

const PLAN: &str = r#"reseal: 1
name: bench
database: { env: BENCH_DATABASE_URL }
application: both-keys
keysets:
  main:
    primary: v2
    keys:
      v1: { file: "FOLDER/v1.key", encoding: base64 }
      v2: { file: "FOLDER/v2.key", encoding: base64 }
seals:
  main: { keyset: main, format: { aes-gcm: { layout: "{key}:{nonce|base64}:{ciphertext|base64}" } } }
tables:
  people: { row_key: id, fields: { a: main, b: main } }
undo: UNDO
"#;
