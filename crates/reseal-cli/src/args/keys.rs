//! Arguments of `reseal keys` and `reseal approve`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::plan::PlanArg;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ApproveArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ApproveCommand>,
    /// Request ID, as printed by the command that needs approval
    pub(crate) request: Option<String>,
    /// Your secret key file; without it, the request is shown and not signed
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// Plan file; refuse if the request is for another plan
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApproveCommand {
    /// Create a key pair for an approver
    Keygen {
        /// Your login name
        name: String,
        /// Secret key file to create (mode 600); must not exist
        #[arg(long)]
        file: PathBuf,
    },
    /// List pending requests
    List {
        #[command(flatten)]
        plan: PlanArg,
    },
}

/// One key of a plan.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Plan file
    pub(crate) plan: PathBuf,
    /// Key ID
    pub(crate) key: String,
    /// Keyset, if several have a key with this ID
    #[arg(long)]
    pub(crate) keyset: Option<String>,
    /// Reason, recorded in the catalogue and audit trail
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct UnreadableArg {
    /// Proceed although this many cells open under no key and may need this one
    #[arg(long, value_name = "CELLS", default_value_t = 0, hide_default_value = true)]
    pub(crate) accept_unreadable: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List a plan's keys: state, fingerprint, age, expiry, cells held
    List {
        #[command(flatten)]
        plan: PlanArg,
        /// Only retired keys whose retention period (`keep_retired`) is over
        #[arg(long)]
        due: bool,
        /// Read the plan's keys first and add new ones to the catalogue
        #[arg(long)]
        read: bool,
    },
    /// Mark a key as active, now or since a date
    Activate {
        #[command(flatten)]
        key: KeyArgs,
        /// Active since this date or time (RFC 3339); default: now
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// Retire a key that no cell uses any more
    Retire {
        #[command(flatten)]
        key: KeyArgs,
        #[command(flatten)]
        accept: UnreadableArg,
    },
    /// Destroy a retired key permanently
    Destroy {
        #[command(flatten)]
        key: KeyArgs,
        #[command(flatten)]
        accept: UnreadableArg,
        /// Key ID, as confirmation
        #[arg(long, value_name = "KEY")]
        confirm: Option<String>,
    },
    /// Remove the fingerprint pinned to a key ID
    ForgetPin {
        #[command(flatten)]
        key: KeyArgs,
        /// Key ID, as confirmation
        #[arg(long, value_name = "KEY")]
        confirm: Option<String>,
    },
    /// Generate a new key
    Generate(GenerateArgs),
    /// Back up keys to an age-encrypted file
    Backup(BackupArgs),
    /// Test a key backup against a sample of cells
    RestoreTest(RestoreTestArgs),
    /// Archive a retired key in an age-encrypted file
    Archive {
        #[command(flatten)]
        key: KeyArgs,
        /// age recipient who can decrypt the file; can be repeated
        #[arg(long, value_name = "RECIPIENT", required = true)]
        to: Vec<String>,
        /// File to create (mode 600); must not exist
        #[arg(long)]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Only the key with this ID; can be repeated
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// age recipient who can decrypt the file; can be repeated
    #[arg(long, value_name = "RECIPIENT", required_unless_present = "job")]
    pub(crate) to: Vec<String>,
    /// Take the recipients from this job of the plan's schedule
    #[arg(long, conflicts_with = "to")]
    pub(crate) job: Option<String>,
    /// File to create (mode 600); must not exist
    #[arg(long)]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreTestArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Backup file
    #[arg(long, required_unless_present = "job")]
    pub(crate) file: Option<PathBuf>,
    /// File with the age identity that decrypts the backup
    #[arg(long, required_unless_present = "job")]
    pub(crate) identity: Option<PathBuf>,
    /// Take file and identity from this job of the plan's schedule
    #[arg(long, conflicts_with_all = ["file", "identity"])]
    pub(crate) job: Option<String>,
    /// Number of rows to test per table
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rows: u32,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// File to create (mode 600); must not exist
    #[arg(long, required_unless_present = "stdout")]
    pub(crate) file: Option<PathBuf>,
    /// Print the key on stdout instead of writing a file
    #[arg(long, conflicts_with_all = ["file", "age"])]
    pub(crate) stdout: bool,
    /// Encrypt the file to this age recipient
    #[arg(long, value_name = "RECIPIENT", requires = "file")]
    pub(crate) age: Option<String>,
    /// Plan that will use the key; sets length and encoding, and adds the key to the catalogue
    #[arg(long, requires = "id")]
    pub(crate) plan: Option<PathBuf>,
    /// Keyset, if the plan has several
    #[arg(long, requires = "plan")]
    pub(crate) keyset: Option<String>,
    /// Key ID in the plan
    #[arg(long, requires = "plan")]
    pub(crate) id: Option<String>,
    /// Key length in bytes (default: what the plan's format needs, or 32)
    #[arg(long, value_parser = clap::value_parser!(u16).range(16..=64))]
    pub(crate) bytes: Option<u16>,
    /// Encoding (default: what the plan expects, or base64)
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<KeyEncoding>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KeyEncoding {
    /// Raw bytes (files only)
    Raw,
    /// Hexadecimal; for pgcrypto, the text itself is the passphrase
    Hex,
    /// Base64
    Base64,
    /// URL-safe base64, as Fernet libraries expect
    Base64url,
}

impl From<KeyEncoding> for reseal_plan::Encoding {
    fn from(encoding: KeyEncoding) -> Self {
        match encoding {
            KeyEncoding::Raw => reseal_plan::Encoding::Raw,
            KeyEncoding::Hex => reseal_plan::Encoding::Hex,
            KeyEncoding::Base64 => reseal_plan::Encoding::Base64,
            KeyEncoding::Base64url => reseal_plan::Encoding::Base64Url,
        }
    }
}
