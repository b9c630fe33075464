//! Arguments of `reseal migrate`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// Plan file, database URL without a password, or env:NAME for a variable that holds the URL
    #[arg(required_unless_present = "control")]
    pub(crate) database: Option<String>,
    /// Work on the control database instead (default: $RESEAL_DATABASE_URL)
    #[arg(long)]
    pub(crate) control: bool,
    /// Print the SQL and change nothing
    #[arg(long, conflicts_with = "remove")]
    pub(crate) print: bool,
    /// Drop the ledger, and the control tables if no other plan uses them; with --control, only the control tables
    #[arg(long)]
    pub(crate) remove: bool,
    /// Name of the plan, or of the database if no plan is given, as confirmation
    #[arg(long, value_name = "NAME", requires = "remove")]
    pub(crate) confirm: Option<String>,
    /// Complete export of the audit trail; the trail is then dropped
    #[arg(long, value_name = "FILE", requires = "remove", conflicts_with = "without_trail")]
    pub(crate) trail: Option<PathBuf>,
    /// Drop the audit trail without an export
    #[arg(long, requires = "remove")]
    pub(crate) without_trail: bool,
}
