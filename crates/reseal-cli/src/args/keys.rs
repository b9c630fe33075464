//! Keys, and who must agree to what.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ApproveArgs {
    #[command(subcommand)]
    pub(crate) command: Option<ApproveCommand>,
    /// The request, as the command that needs approvals names it
    pub(crate) request: Option<String>,
    /// The file with your secret key; without it, the request is shown and nothing signed
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// The plan, to be sure that it is the one that was asked about
    #[arg(long)]
    pub(crate) plan: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ApproveCommand {
    /// Make a key pair, and print the line for the file of approvers
    Keygen {
        /// The name that you log in with
        name: String,
        /// The file for the secret key (mode 600); must not exist
        #[arg(long)]
        file: PathBuf,
    },
    /// List what waits for approval
    List {
        /// The plan
        plan: PathBuf,
    },
}

/// One key of a plan.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// The key's id
    pub(crate) key: String,
    /// The keyset, where several have such a key
    #[arg(long)]
    pub(crate) keyset: Option<String>,
    /// Why, for the record
    #[arg(long)]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List a plan's keys: state, fingerprint, age, expiry, cells held
    List {
        /// The plan
        plan: PathBuf,
        /// Only retired keys that were kept for as long as the policy says
        #[arg(long)]
        due: bool,
        /// Read the plan's keys first, and enter those that the catalogue does not know
        #[arg(long)]
        read: bool,
    },
    /// Say that a key seals, or since when one has
    Activate {
        #[command(flatten)]
        key: KeyArgs,
        /// Since when, if not from now on: a date, or RFC 3339
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
    /// Retire a key that holds no cell any more
    Retire {
        #[command(flatten)]
        key: KeyArgs,
    },
    /// Destroy a retired key for ever
    Destroy {
        #[command(flatten)]
        key: KeyArgs,
        /// The key's id, typed out
        #[arg(long, value_name = "KEY")]
        confirm: Option<String>,
    },
    /// Forget which bytes a key id stands for
    ForgetPin {
        #[command(flatten)]
        key: KeyArgs,
        /// The key's id, typed out
        #[arg(long, value_name = "KEY")]
        confirm: Option<String>,
    },
    /// Make a new key
    Generate(GenerateArgs),
    /// Write keys into a new age file
    Backup(BackupArgs),
    /// Try whether a backup can be restored: its keys open a sample of cells
    RestoreTest(RestoreTestArgs),
    /// Write a retired key into a new age file
    Archive {
        #[command(flatten)]
        key: KeyArgs,
        /// Who can read the file: a recipient of age; may be repeated
        #[arg(long, value_name = "RECIPIENT", required = true)]
        to: Vec<String>,
        /// The file to write (mode 600); must not exist
        #[arg(long)]
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct BackupArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Only the key with this id; may be repeated
    #[arg(long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// Who can read the file: a recipient of age; may be repeated
    #[arg(long, value_name = "RECIPIENT", required_unless_present = "job")]
    pub(crate) to: Vec<String>,
    /// A job of the plan's schedule, which says who
    #[arg(long, conflicts_with = "to")]
    pub(crate) job: Option<String>,
    /// The file to write (mode 600); must not exist
    #[arg(long)]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RestoreTestArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// The backup
    #[arg(long, required_unless_present = "job")]
    pub(crate) file: Option<PathBuf>,
    /// The file with the identity that decrypts it
    #[arg(long, required_unless_present = "job")]
    pub(crate) identity: Option<PathBuf>,
    /// A job of the plan's schedule, which says both
    #[arg(long, conflicts_with_all = ["file", "identity"])]
    pub(crate) job: Option<String>,
    /// Rows of each table that are tried
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rows: u32,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// The file to write (mode 600); must not exist
    #[arg(long, required_unless_present = "stdout")]
    pub(crate) file: Option<PathBuf>,
    /// Print the key on stdout instead
    #[arg(long, conflicts_with_all = ["file", "age"])]
    pub(crate) stdout: bool,
    /// Encrypt the file to this recipient of age
    #[arg(long, value_name = "RECIPIENT", requires = "file")]
    pub(crate) age: Option<String>,
    /// The plan that the key is for: its catalogue gets to know it, its formats say how long it is
    #[arg(long, requires = "id")]
    pub(crate) plan: Option<PathBuf>,
    /// The keyset, where the plan has several
    #[arg(long, requires = "plan")]
    pub(crate) keyset: Option<String>,
    /// The key's id in the plan
    #[arg(long, requires = "plan")]
    pub(crate) id: Option<String>,
    /// Bytes of randomness; by default what the plan's format needs, or 32
    #[arg(long, value_parser = clap::value_parser!(u16).range(16..=64))]
    pub(crate) bytes: Option<u16>,
    /// How the key is written; by default as the plan reads it, or in base64
    #[arg(long, value_enum)]
    pub(crate) encoding: Option<KeyEncoding>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum KeyEncoding {
    /// As bytes (files only)
    Raw,
    /// Hexadecimal; as a pgcrypto passphrase, the text itself is the key
    Hex,
    /// Base64
    Base64,
    /// URL-safe base64, as Fernet libraries want it
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
