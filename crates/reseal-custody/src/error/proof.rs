//! Proofs that a policy requires before a run and that are missing.

use jiff::Timestamp;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// A proof that the policy requires is missing.
#[derive(Clone, Debug, Error)]
pub enum ProofError {
    /// The time of the latest backup is in the future.
    #[error("the latest backup, according to {witness}, has a time in the future: {made:.0}")]
    BackupInTheFuture {
        /// The backup's time.
        made: Timestamp,
        /// Where the time comes from.
        witness: String,
    },
    /// The latest backup is too old.
    #[error(
        "the latest backup, according to {witness}, was made at {made:.0} and is older than the policy allows"
    )]
    BackupOld {
        /// The backup's time.
        made: Timestamp,
        /// Where the time comes from.
        witness: String,
    },
    /// The backup file cannot be used.
    #[error("cannot use the backup {path}: {why}")]
    BackupMissing {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A program printed no time.
    #[error("the command `{command}` did not print a time")]
    BackupUnknown {
        /// The program.
        command: String,
    },
    /// A program printed no percentage.
    #[error("the command `{command}` did not print a percentage")]
    DiskUnknown {
        /// The program.
        command: String,
    },
    /// The disk has too little free space.
    #[error("{free} % of the disk is free, and the policy requires {least} %")]
    DiskFull {
        /// The free space in percent.
        free: f64,
        /// The required space in percent.
        least: f64,
    },
    /// A program failed.
    #[error("{place}: {message}")]
    Program {
        /// Its place in the plan.
        place: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Advise for ProofError {
    fn advice(&self) -> Advice {
        let (code, help) = match self {
            ProofError::BackupInTheFuture { .. } => {
                ("backup-in-the-future", "check the clocks of both machines")
            }
            ProofError::BackupOld { .. } => ("backup-old", "make a backup, then run again"),
            ProofError::BackupMissing { .. } => {
                ("backup-missing", "make a backup, or correct `policy.backup.file`")
            }
            ProofError::BackupUnknown { .. } => {
                ("backup-unknown", "make it print the time of the backup, such as 2026-01-31T06:00:00Z")
            }
            ProofError::DiskUnknown { .. } => {
                ("disk-unknown", "make it print the free space in percent, from 0 to 100")
            }
            ProofError::DiskFull { .. } => ("disk-full", "free space, then run again"),
            ProofError::Program { .. } => ("proof", "run the command yourself to see its error"),
        };
        Advice::refused(code, help)
    }
}
