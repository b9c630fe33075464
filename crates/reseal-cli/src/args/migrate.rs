//! What `reseal migrate` is told.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct MigrateArgs {
    /// A plan, or a database URL without password (env:NAME reads it from a variable)
    #[arg(required_unless_present = "control")]
    pub(crate) database: Option<String>,
    /// The control database's SQL instead; without DATABASE, to the one that RESEAL_DATABASE_URL names
    #[arg(long)]
    pub(crate) control: bool,
    /// Print the SQL instead
    #[arg(long, conflicts_with = "remove")]
    pub(crate) print: bool,
    /// Drop the ledger, and the control tables if no other plan needs them; with --control, drop the control tables only
    #[arg(long)]
    pub(crate) remove: bool,
    /// The plan's name, or the database's where no plan is given, to confirm
    #[arg(long, value_name = "NAME", requires = "remove")]
    pub(crate) confirm: Option<String>,
    /// An export of the whole audit trail, which is then dropped
    #[arg(long, value_name = "FILE", requires = "remove", conflicts_with = "without_trail")]
    pub(crate) trail: Option<PathBuf>,
    /// Drop the audit trail although nobody has a copy of it
    #[arg(long, requires = "remove")]
    pub(crate) without_trail: bool,
}
