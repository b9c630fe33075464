//! What `reseal audit` is told.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Find the first event that was edited, removed, added or moved; exit 1 where there is one
    Verify(VerifyArgs),
    /// Write the trail as JSON lines, which a short script in any language verifies
    Export {
        /// The file to write instead of stdout
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Move events before a time to a file; what is still read of them stays, and the trail begins at a signed head
    Archive(ArchiveArgs),
    /// Write what the trail shows of a time, for those who audit: a page that prints, or JSON
    Report(ReportArgs),
    /// Sign a certificate of a complete run
    Certificate(CertificateArgs),
    /// Make a key that signs trail and certificates
    Keygen {
        /// The file to write (mode 600); else the one that RESEAL_AUDIT_KEY names, else one in the state folder
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A head that left the house, such as one of a notice: the trail must have it
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
    /// The number of the event that has this head
    #[arg(long, value_name = "N", requires = "head")]
    pub(crate) sequence: Option<u64>,
    /// A public key that must have signed the trail; others are then faults. May be repeated
    #[arg(long = "key", value_name = "PUBLIC_KEY")]
    pub(crate) keys: Vec<String>,
    /// An export or archive, instead of the control database
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// An archive of what was cut off the trail, the earliest first. May be repeated
    #[arg(long = "archive", value_name = "FILE", conflicts_with = "file")]
    pub(crate) archives: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// The day (UTC) or moment before which events are archived
    #[arg(long, value_name = "DAY")]
    pub(crate) before: String,
    /// The file to write, which must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// File of an approver's key that signs the cut; else the key that signs the trail does
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The plans
    #[arg(required = true)]
    pub(crate) plans: Vec<PathBuf>,
    /// The standard that it is written for
    #[arg(long, value_enum)]
    pub(crate) standard: Standard,
    /// The first day (UTC), or a moment
    #[arg(long, value_name = "DAY")]
    pub(crate) from: String,
    /// The last day, or a moment
    #[arg(long, value_name = "DAY")]
    pub(crate) to: String,
    /// The file for the page; else it goes to stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// An archive of what was cut off the trail, the earliest first. May be repeated
    #[arg(long = "archive", value_name = "FILE")]
    pub(crate) archives: Vec<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CertificateArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Run ID (default: the latest run)
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// File with the key that signs, made by `audit keygen`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// File to write instead of stdout
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// A standard that a report is written for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Standard {
    /// PCI DSS v4.0.1
    PciDss,
    /// HIPAA Security Rule, 45 CFR Part 164 Subpart C
    Hipaa,
    /// SOC 2, Trust Services Criteria
    Soc2,
    /// GDPR, Regulation (EU) 2016/679
    Gdpr,
}

impl From<Standard> for reseal_plan::Standard {
    fn from(standard: Standard) -> Self {
        match standard {
            Standard::PciDss => reseal_plan::Standard::PciDss,
            Standard::Hipaa => reseal_plan::Standard::Hipaa,
            Standard::Soc2 => reseal_plan::Standard::Soc2,
            Standard::Gdpr => reseal_plan::Standard::Gdpr,
        }
    }
}
