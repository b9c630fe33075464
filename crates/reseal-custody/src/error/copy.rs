//! Why a copy of keys cannot be made, read or tested.

use std::io::ErrorKind;

use reseal_core::KeyState;
use reseal_engine::{Advice, Advise};
use reseal_registry::{BuildError, ReadKeyError};
use thiserror::Error;

/// Why a copy of keys cannot be made, read or tested.
#[derive(Debug, Error)]
pub enum CopyError {
    /// A key to be archived is still in use.
    #[error("{key} is {state}, and only retired keys can be archived")]
    NotRetired {
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// No source provides the key to be archived.
    #[error("no source of the plan provides {key} any more")]
    NoSource {
        /// The key.
        key: String,
    },
    /// The keys to be copied are KEKs.
    #[error("{keks} cannot be copied: a KEK cannot be exported")]
    Keks {
        /// The plan's KEKs.
        keks: String,
    },
    /// A key cannot be read.
    #[error(transparent)]
    Key(ReadKeyError),
    /// A format refuses the restored keys.
    #[error(transparent)]
    Format(BuildError),
    /// The copy cannot be read.
    #[error("{path}: {kind}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        kind: ErrorKind,
    },
    /// The decrypted file is not a key backup.
    #[error("the file is not a key backup")]
    NoBackup,
    /// The backup belongs to another plan.
    #[error("the file is a backup of {of}, not of plan {plan}")]
    OtherPlan {
        /// The plan of the backup.
        of: String,
        /// The plan.
        plan: String,
    },
    /// The file already exists.
    #[error("{path} already exists")]
    Exists {
        /// The file.
        path: String,
    },
    /// The copy cannot be written.
    #[error("{path}: {kind}")]
    NotWritten {
        /// The file.
        path: String,
        /// Why.
        kind: ErrorKind,
    },
    /// The identity file cannot be read.
    #[error("{path}: {kind}")]
    IdentityUnreadable {
        /// The file.
        path: String,
        /// Why.
        kind: ErrorKind,
    },
    /// Other users can read the identity file.
    #[error("{path} is secret, and other users can read it")]
    IdentityOpen {
        /// The file.
        path: String,
    },
    /// An identity was passed instead of the path of its file.
    #[error("the value is an age identity, not the path of its file")]
    TypedIdentity,
    /// The identity file contains no identity.
    #[error("the identity file contains no age identity")]
    NoIdentity,
    /// A recipient is not an age recipient. It is not shown, because it may be an identity in the wrong place.
    #[error("recipient {number} is not an age recipient (it is not shown, because it may be an identity)")]
    Recipient {
        /// Which of the recipients, from 1.
        number: usize,
    },
    /// No recipient was passed, so nobody could read the copy.
    #[error("the recipient is missing")]
    NoRecipient,
    /// The encryption failed.
    #[error("the file could not be encrypted")]
    NotEncrypted,
    /// The file is not an age file.
    #[error("the file is not an age file")]
    NoAgeFile,
    /// The file is encrypted to other recipients.
    #[error("the identity cannot decrypt the file")]
    OtherIdentity,
    /// The file is damaged.
    #[error("the file is damaged")]
    Damaged,
    /// This build does not support age.
    #[error("this build does not support age files")]
    NoAge,
}

impl Advise for CopyError {
    fn advice(&self) -> Advice {
        match self {
            CopyError::NotRetired { .. } => {
                Advice::refused("key-state", "back up keys in use with `reseal keys backup`")
            }
            CopyError::NoSource { .. } => Advice::refused("key", "add its source to the plan again first"),
            CopyError::Keks { .. } => Advice::refused("kek", "back it up with the tools of the KMS or token"),
            CopyError::Key(error) => Advice::refused("key", error.help.clone()),
            CopyError::Format(_) => Advice::refused("format", "run `reseal check`"),
            CopyError::Unreadable { .. } => Advice::usage("file", "check the path"),
            CopyError::NoBackup => {
                Advice::refused("no-backup", "pass a file written by `reseal keys backup`")
            }
            CopyError::OtherPlan { .. } => Advice::refused("other-plan", "pass a backup of this plan"),
            CopyError::Exists { .. } => {
                Advice::refused("file-exists", "pass another file; Reseal never overwrites a copy of keys")
            }
            CopyError::NotWritten { .. } => Advice::failed("file"),
            CopyError::IdentityUnreadable { .. } => Advice::usage("identity", "check the path"),
            CopyError::IdentityOpen { path } => {
                Advice::refused("identity", format!("run `chmod 600 {path}`"))
            }
            CopyError::TypedIdentity => Advice::usage(
                "identity",
                "pass the path of a file with mode 600 and replace this identity: other users may have seen it on the \
                 command line",
            ),
            CopyError::NoIdentity => Advice::usage(
                "identity",
                "pass a file written by age-keygen; it has a line that starts with AGE-SECRET-KEY-1",
            ),
            CopyError::Recipient { .. } => {
                Advice::usage("recipient", "pass the public key that age-keygen prints; it starts with age1")
            }
            CopyError::NoRecipient => {
                Advice::usage("recipient", "pass `--to` with an age recipient, such as `--to age1…`")
            }
            CopyError::NotEncrypted => Advice::failed("age"),
            CopyError::NoAgeFile | CopyError::OtherIdentity | CopyError::Damaged => {
                Advice::refused("undecryptable", "check that the file and the identity belong together")
            }
            CopyError::NoAge => {
                Advice::refused("feature", "build Reseal with age: `cargo build --release --features age`")
            }
        }
    }
}
