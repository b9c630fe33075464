//! What a policy wants proved before a run, and is not.

use jiff::Timestamp;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// What a policy wants proved before a run, and is not.
#[derive(Clone, Debug, Error)]
pub enum ProofError {
    /// The newest backup's time has yet to come.
    #[error("the newest backup is of {made:.0}, which is yet to come, says {witness}")]
    BackupInTheFuture {
        /// The backup's time.
        made: Timestamp,
        /// What says so.
        witness: String,
    },
    /// The newest backup is too old.
    #[error("the newest backup is of {made:.0}, says {witness}: older than the policy allows")]
    BackupOld {
        /// The backup's time.
        made: Timestamp,
        /// What says so.
        witness: String,
    },
    /// The file that is to be the backup is none.
    #[error("the backup {path}: {why}")]
    BackupMissing {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// A program said nothing that is a time.
    #[error("the command {command} printed no time")]
    BackupUnknown {
        /// The program.
        command: String,
    },
    /// A program said nothing that is a share.
    #[error("the command {command} printed no share in percent")]
    DiskUnknown {
        /// The program.
        command: String,
    },
    /// The disk has too little room.
    #[error("{free} % of the disk is free, and the policy asks for {least} %")]
    DiskFull {
        /// The share that is free.
        free: f64,
        /// The share that is asked for.
        least: f64,
    },
    /// A program did not end as it should.
    #[error("{place}: {message}")]
    Program {
        /// Where the plan names it.
        place: &'static str,
        /// What is wrong.
        message: String,
    },
}

impl Advise for ProofError {
    fn advice(&self) -> Advice {
        let (code, help) = match self {
            ProofError::BackupInTheFuture { .. } => ("backup-in-the-future", "compare the clocks"),
            ProofError::BackupOld { .. } => ("backup-old", "make a backup, then run again"),
            ProofError::BackupMissing { .. } => {
                ("backup-missing", "make a backup, or correct `policy.backup.file`")
            }
            ProofError::BackupUnknown { .. } => {
                ("backup-unknown", "let it print the backup's time: 2026-01-31T06:00:00Z")
            }
            ProofError::DiskUnknown { .. } => ("disk-unknown", "let it print the free share: 0 to 100"),
            ProofError::DiskFull { .. } => ("disk-full", "free space, then run again"),
            ProofError::Program { .. } => ("proof", "run it by hand and see what it says"),
        };
        Advice::refused(code, help)
    }
}
