//! Arguments of `reseal tutorial`.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `reseal tutorial`.
#[derive(Debug, Args)]
pub(crate) struct TutorialArgs {
    /// Directory of the tutorial; created if it does not exist
    #[arg(default_value = "reseal-tutorial")]
    pub(crate) directory: PathBuf,
    #[command(flatten)]
    pub(crate) act: Act,
}

/// What to do in a tutorial, instead of showing its steps.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Act {
    /// Act as the application: read and save patients until Ctrl-C
    #[arg(long)]
    pub(crate) write: bool,
    /// Damage a cell of one row, as a failing disk would
    #[arg(long)]
    pub(crate) damage: bool,
    /// Restore that row from the tutorial's backup
    #[arg(long)]
    pub(crate) repair: bool,
}
