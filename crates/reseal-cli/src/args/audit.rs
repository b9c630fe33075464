//! Arguments of `reseal audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::plan::{PlanArg, PlansArg};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify that no event was edited, removed, added or moved
    Verify(VerifyArgs),
    /// Export the trail as JSON lines
    Export {
        /// Output file (default: stdout)
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Move old events to a file
    Archive(ArchiveArgs),
    /// Write an auditor's report on a period, as HTML or JSON
    Report(ReportArgs),
    /// Sign a certificate of a complete run
    Certificate(CertificateArgs),
    /// Create the key that signs the trail and certificates
    Keygen {
        /// Key file to create, mode 600 (default: $RESEAL_AUDIT_KEY, or a file in the state directory)
        #[arg(long)]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Hash of a head recorded elsewhere, for example in a notification; the trail must contain it
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
    /// Sequence number of the event with this head
    #[arg(long, value_name = "N", requires = "head")]
    pub(crate) sequence: Option<u64>,
    /// Public key that signed the trail; signatures by other keys are then errors; can be repeated
    #[arg(long = "key", value_name = "PUBLIC_KEY")]
    pub(crate) keys: Vec<String>,
    /// Export or archive to verify instead of the control database
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Archive of older events; can be repeated, oldest first
    #[arg(long = "archive", value_name = "FILE", conflicts_with = "file")]
    pub(crate) archives: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ArchiveArgs {
    /// Archive events before this day (UTC) or time (RFC 3339)
    #[arg(long, value_name = "DAY")]
    pub(crate) before: String,
    /// Archive file to create; must not exist
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Approver's key file that signs the cut (default: the key that signs the trail)
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) plans: PlansArg,
    /// Standard to report on
    #[arg(long, value_enum)]
    pub(crate) standard: Standard,
    /// First day (UTC), or start time (RFC 3339)
    #[arg(long, value_name = "DAY")]
    pub(crate) from: String,
    /// Last day (UTC), or end time (RFC 3339)
    #[arg(long, value_name = "DAY")]
    pub(crate) to: String,
    /// Output file (default: stdout)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Archive of older events; can be repeated, oldest first
    #[arg(long = "archive", value_name = "FILE")]
    pub(crate) archives: Vec<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CertificateArgs {
    #[command(flatten)]
    pub(crate) plan: PlanArg,
    /// Run ID (default: the latest run)
    #[arg(long)]
    pub(crate) run: Option<String>,
    /// Key file that signs, created by `reseal audit keygen`
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Output file (default: stdout)
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
