//! The command line, as design and documentation promise it.

mod audit;
mod keys;
mod migrate;
mod schedule;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reseal_engine::{Accepted, Scope};

pub(crate) use audit::{ArchiveArgs, AuditCommand, CertificateArgs, ReportArgs, VerifyArgs};
pub(crate) use keys::{
    ApproveArgs, ApproveCommand, BackupArgs, GenerateArgs, KeyArgs, KeysCommand, RestoreTestArgs,
};
pub(crate) use migrate::MigrateArgs;
pub(crate) use schedule::{ScheduleCommand, ServeArgs};

/// Move application-encrypted database columns to a new key while the application runs, and prove it.
#[derive(Debug, Parser)]
#[command(
    name = "reseal",
    version,
    long_version = crate::version::long(),
    propagate_version = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// Print one JSON document on stdout, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Write logs as JSON lines (they go to stderr)
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a small SQLite database with sealed rows and rotate it before your eyes
    Demo {
        /// Where to put database, keys and plan; must not exist
        #[arg(default_value = "reseal-demo")]
        directory: PathBuf,
    },
    /// Check plans: form and meaning; with --keys and --connect also keys and database
    Check {
        /// The plans
        #[arg(required = true)]
        plans: Vec<PathBuf>,
        /// Read the keys too
        #[arg(long)]
        keys: bool,
        /// Run preflight too (reads the keys, writes nothing)
        #[arg(long)]
        connect: bool,
    },
    /// Count cells per field, seal and key
    Census {
        /// The plan
        plan: PathBuf,
        /// Open every cell instead of believing marks
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Rotate; goes on with a run that is not over
    Run(RunArgs),
    /// List runs, newest first
    Runs {
        /// The plan
        plan: PathBuf,
    },
    /// Show where the latest run stands
    Status {
        /// The plan
        plan: PathBuf,
        /// Another run than the latest
        #[arg(long)]
        run: Option<String>,
        /// Wait until it stops or is over
        #[arg(long)]
        wait: bool,
    },
    /// Ask the engine that works on a run to stop after the batch in hand
    Pause(SteerArgs),
    /// Go on with a paused run (the same as `run` with the run's own scope)
    Resume(ResumeArgs),
    /// Give a run up; cells stay as they are, some under the new key
    Cancel(SteerArgs),
    /// List the cells that could not be opened, or not be written under the new key
    Quarantine {
        /// The plan
        plan: PathBuf,
        /// Another run than the latest
        #[arg(long)]
        run: Option<String>,
        /// Try them again: the same as `run`
        #[arg(long)]
        retry: bool,
    },
    /// Show formats and keys of one row's cells, never their content
    Inspect {
        /// The plan
        plan: PathBuf,
        /// The table, as the plan names it
        #[arg(long)]
        table: String,
        /// The row key; parts of a composite key are joined by commas
        #[arg(long, allow_hyphen_values = true)]
        row: String,
    },
    /// Open every cell in one snapshot; exit 1 where one is not under the primary
    Verify {
        /// The plan
        plan: PathBuf,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Put the old cells of the newest run back
    Rollback(RollbackArgs),
    /// Old cells that are kept for a rollback
    Undo {
        #[command(subcommand)]
        command: UndoCommand,
    },
    /// Apply the ledger's SQL to a database, or print it; with --remove, drop what it made
    Migrate(MigrateArgs),
    /// Print the SQL that grants a role what a plan needs, and no more
    Grants {
        /// The plan
        plan: PathBuf,
        /// The role, if it is not the user of each database's URL
        #[arg(long)]
        role: Option<String>,
    },
    /// Keys
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Agree to what a policy does not leave to one person
    Approve(ApproveArgs),
    /// The daemon: fires what plans schedule, and shows metrics
    Serve(ServeArgs),
    /// What fires and when
    Schedule {
        #[command(subcommand)]
        command: ScheduleCommand,
    },
    /// Prove the audit trail, hand it on, and report on it
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Tell people what the plan's `notify:` names
    Notify {
        #[command(subcommand)]
        command: NotifyCommand,
    },
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UndoCommand {
    /// Drop the old cells that the latest run keeps. A rollback can then seal under the old key, but not restore the old bytes
    Drop {
        /// The plan
        plan: PathBuf,
        /// The plan's name, to confirm
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        /// Another run than the latest
        #[arg(long)]
        run: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send one notice of each kind to those whom the plan names for it
    Test {
        /// The plan
        plan: PathBuf,
    },
    /// Send what is due: for cron, where `reseal serve` does not run
    Send {
        /// The plan
        plan: PathBuf,
        /// Also what waits for a later time
        #[arg(long)]
        early: bool,
        /// Also what was given up
        #[arg(long)]
        dead: bool,
    },
    /// List what waits, what was given up, and what is wrong
    List {
        /// The plan
        plan: PathBuf,
    },
}

#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ScopeArgs {
    /// Only rows of this tenant
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    /// Only tables of this domain
    #[arg(long)]
    pub(crate) domain: Option<String>,
    /// Only this table; may be repeated
    #[arg(long = "table", value_name = "TABLE")]
    pub(crate) tables: Vec<String>,
}

impl ScopeArgs {
    /// The scope that these arguments name.
    pub(crate) fn scope(&self) -> Scope {
        let mut tables = self.tables.clone();
        tables.sort();
        tables.dedup();
        Scope { tenant: self.tenant.clone(), domain: self.domain.clone(), tables }
    }
}

/// What is accepted that a run is refused for otherwise.
#[derive(Debug, Default, Args)]
pub(crate) struct AcceptArgs {
    /// Go on although rows become unreadable to the application for a while
    #[arg(long)]
    accept_outage: bool,
    /// This table is the run's, although it is not the one that was recorded (after a restore); may be repeated
    #[arg(long, value_name = "TABLE")]
    accept_table: Vec<String>,
    /// Confirm that each key of this keyset has its own id, although no cell shows it; may be repeated
    #[arg(long, value_name = "KEYSET")]
    accept_keys: Vec<String>,
    /// Seal under a new primary that is weak: easy to guess, or shorter than the old key
    #[arg(long)]
    accept_weak_key: bool,
    /// Go on with a control database that does not know the latest run, such as a restored backup
    #[arg(long)]
    accept_control_database: bool,
}

impl AcceptArgs {
    /// What these arguments accept.
    pub(crate) fn accepted(&self) -> Accepted {
        Accepted {
            outage: self.accept_outage,
            tables: self.accept_table.clone(),
            keys: self.accept_keys.clone(),
            weak_keys: self.accept_weak_key,
            control_database: self.accept_control_database,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Open and seal everything, write nothing at all, estimate the time
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// The key to seal with, instead of the plan's primary
    #[arg(long, value_name = "KEY")]
    pub(crate) primary: Option<String>,
    /// Rows of a batch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_rows: Option<u32>,
    /// Ranges that are worked on at once
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: Option<u32>,
    /// An old key is known to others: the plan's `emergency` pace, old cells kept under the new key alone
    #[arg(long)]
    pub(crate) emergency: bool,
    /// Stop at this time: RFC 3339, or HH:MM local time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
    /// For the daemon: asks again and again, so an answer that the trail has already is not recorded anew
    #[arg(long, hide = true)]
    pub(crate) scheduled: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ResumeArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// The run, to be sure which
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// The plan's name, typed out
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// The old key for cells written since; once for each keyset that has several
    #[arg(long, value_name = "KEY")]
    pub(crate) to_key: Vec<String>,
    /// This table is the run's, although it is not the one that was recorded (after a restore); may be repeated
    #[arg(long, value_name = "TABLE")]
    pub(crate) accept_table: Vec<String>,
    /// Put plaintext back even though the server logs it
    #[arg(long)]
    pub(crate) accept_plaintext_in_log: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SteerArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Another run than the latest
    #[arg(long)]
    pub(crate) run: Option<String>,
}
