//! The command line, as design and documentation promise it.

mod audit;
mod examples;
mod groups;
mod keys;
mod migrate;
mod plan;
mod schedule;
mod suggest;
mod tutorial;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use reseal_engine::{Accepted, Scope};

pub(crate) use audit::{ArchiveArgs, AuditCommand, CertificateArgs, ReportArgs, VerifyArgs};
pub(crate) use groups::command;
pub(crate) use keys::{
    ApproveArgs, ApproveCommand, BackupArgs, GenerateArgs, KeyArgs, KeysCommand, RestoreTestArgs,
    UnreadableArg,
};
pub(crate) use migrate::MigrateArgs;
pub(crate) use plan::{PlanArg, PlansArg};
pub(crate) use schedule::{ScheduleCommand, ServeArgs};
pub(crate) use suggest::suggest;
pub(crate) use tutorial::TutorialArgs;

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
    /// Create a small SQLite database and rotate its keys
    Demo {
        /// Directory for the database, keys and plan; must not exist
        #[arg(default_value = "reseal-demo")]
        directory: PathBuf,
    },
    /// Practise a rotation step by step
    Tutorial(TutorialArgs),
    /// Check plans, and optionally their keys and databases
    #[command(after_long_help = examples::CHECK)]
    Check {
        #[command(flatten)]
        plans: PlansArg,
        /// Read the keys
        #[arg(long)]
        keys: bool,
        /// Read the keys and check the database; writes nothing
        #[arg(long)]
        connect: bool,
    },
    /// Count cells per field, seal and key
    Census {
        #[command(flatten)]
        plan: PlanArg,
        /// Open every cell instead of trusting its key mark
        #[arg(long)]
        open: bool,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Rotate, or resume an unfinished run
    #[command(after_long_help = examples::RUN)]
    Run(RunArgs),
    /// List runs, newest first
    Runs {
        #[command(flatten)]
        plan: PlanArg,
    },
    /// Show the state and progress of a run
    Status {
        #[command(flatten)]
        plan: PlanArg,
        /// Run ID (default: the latest run)
        #[arg(long)]
        run: Option<String>,
        /// Wait until the run stops or ends
        #[arg(long)]
        wait: bool,
    },
    /// Pause a run after the current batch
    Pause(SteerArgs),
    /// Resume a paused run with its original scope
    Resume(ResumeArgs),
    /// Cancel a run and leave cells as they are
    Cancel(SteerArgs),
    /// List cells that could not be opened or written
    #[command(after_long_help = examples::QUARANTINE)]
    Quarantine {
        #[command(flatten)]
        plan: PlanArg,
        /// Run ID (default: the latest run)
        #[arg(long)]
        run: Option<String>,
        /// Retry the listed cells (same as `reseal run`)
        #[arg(long)]
        retry: bool,
    },
    /// Show format and key of one row's cells
    Inspect {
        #[command(flatten)]
        plan: PlanArg,
        /// Table, as named in the plan
        #[arg(long)]
        table: String,
        /// Row key; separate the parts of a composite key with commas
        #[arg(long, allow_hyphen_values = true)]
        row: String,
    },
    /// Open every cell and check that the primary key sealed it
    #[command(after_long_help = examples::VERIFY)]
    Verify {
        #[command(flatten)]
        plan: PlanArg,
        /// ID of the key that cells should be under (default: the plan's primary)
        #[arg(long, value_name = "KEY")]
        primary: Option<String>,
        #[command(flatten)]
        scope: ScopeArgs,
    },
    /// Restore the cells of the latest run
    #[command(after_long_help = examples::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Manage the old cells kept for a rollback
    Undo {
        #[command(subcommand)]
        command: UndoCommand,
    },
    /// Create, upgrade or remove Reseal's tables in a database
    Migrate(MigrateArgs),
    /// Print the GRANT statements for a least-privilege role
    Grants {
        #[command(flatten)]
        plan: PlanArg,
        /// Role to grant to (default: the user in the database URL)
        #[arg(long)]
        role: Option<String>,
    },
    /// Manage encryption keys
    #[command(after_long_help = examples::KEYS)]
    Keys {
        #[command(subcommand)]
        command: KeysCommand,
    },
    /// Approve a pending request, or list requests
    #[command(after_long_help = examples::APPROVE)]
    Approve(ApproveArgs),
    /// Run the scheduler, status page and metrics
    #[command(after_long_help = examples::SERVE)]
    Serve(ServeArgs),
    /// Show and control scheduled jobs
    Schedule {
        #[command(subcommand)]
        command: ScheduleCommand,
    },
    /// Verify, export and report on the audit trail
    #[command(after_long_help = examples::AUDIT)]
    Audit {
        #[command(subcommand)]
        command: AuditCommand,
    },
    /// Send and inspect notifications
    Notify {
        #[command(subcommand)]
        command: NotifyCommand,
    },
    /// List formats and presets for plans
    Formats {
        #[command(subcommand)]
        command: Option<FormatsCommand>,
    },
    /// Explain the code of an error or quarantined cell
    Explain {
        /// Code, as in `error[CODE]`, or an exit code
        code: String,
    },
    /// Print a shell completion script
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// Command, such as `run` or `keys retire` (default: reseal itself)
        command: Vec<String>,
        /// List the pages there are
        #[arg(long, conflicts_with = "command")]
        list: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FormatsCommand {
    /// Show what a preset stands for
    Show {
        /// Name of the preset
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum UndoCommand {
    /// Delete the old cells that a run keeps
    Drop {
        #[command(flatten)]
        plan: PlanArg,
        /// Name of the plan, as confirmation
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        /// Run ID (default: the latest run)
        #[arg(long)]
        run: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test notification of each kind
    Test {
        #[command(flatten)]
        plan: PlanArg,
    },
    /// Send due notifications; for cron, where `reseal serve` is not running
    Send {
        #[command(flatten)]
        plan: PlanArg,
        /// Also send notifications scheduled for later
        #[arg(long)]
        early: bool,
        /// Also retry notifications that could not be delivered
        #[arg(long)]
        dead: bool,
    },
    /// List pending and undeliverable notifications
    List {
        #[command(flatten)]
        plan: PlanArg,
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
    /// Only this table; can be repeated
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

/// Risks that a run is refused for unless the operator accepts them.
#[derive(Debug, Default, Args)]
pub(crate) struct AcceptArgs {
    /// Accept that the application cannot read rotated rows until it gets the new key
    #[arg(long)]
    accept_outage: bool,
    /// Accept this table although its identity differs from the recorded one, as after a restore; can be repeated
    #[arg(long, value_name = "TABLE")]
    accept_table: Vec<String>,
    /// Confirm that the key IDs of this keyset are right although no cell proves it; can be repeated
    #[arg(long, value_name = "KEYSET")]
    accept_keys: Vec<String>,
    /// Accept a weak new primary key: easy to guess, or shorter than the old key
    #[arg(long)]
    accept_weak_key: bool,
    /// Accept a control database that does not know the latest run, as after a restore
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
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Open and seal every cell, write nothing, and estimate the time
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
    /// ID of the key to seal with (default: the plan's primary)
    #[arg(long, value_name = "KEY")]
    pub(crate) primary: Option<String>,
    /// Rows per batch (default: chosen automatically)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) batch_rows: Option<u32>,
    /// Number of workers
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) workers: Option<u32>,
    /// Treat an old key as compromised: use the plan's `emergency` settings and keep undo data under the new key only
    #[arg(long)]
    pub(crate) emergency: bool,
    /// Stop at this time: RFC 3339, or HH:MM in local time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
    /// Set by `reseal serve`, which retries: a refusal already in the audit trail is not recorded again
    #[arg(long, hide = true)]
    pub(crate) scheduled: bool,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    #[command(flatten)]
    pub(crate) accept: AcceptArgs,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Run ID (default: the latest run)
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// Name of the plan, as confirmation
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Old key for cells that the application wrote since; pass it once per keyset with several old keys
    #[arg(long, value_name = "KEY")]
    pub(crate) to_key: Vec<String>,
    /// Accept this table although its identity differs from the recorded one, as after a restore; can be repeated
    #[arg(long, value_name = "TABLE")]
    pub(crate) accept_table: Vec<String>,
    /// Restore plaintext although the server logs it
    #[arg(long)]
    pub(crate) accept_plaintext_in_log: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SteerArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Run ID (default: the latest run)
    #[arg(long)]
    pub(crate) run: Option<String>,
}
