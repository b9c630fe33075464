//! Why a copy of keys cannot be made, read or tried.

use std::io::ErrorKind;

use reseal_core::KeyState;
use reseal_engine::{Advice, Advise};
use reseal_registry::{BuildError, ReadKeyError};
use thiserror::Error;

/// Why a copy of keys cannot be made, read or tried.
#[derive(Debug, Error)]
pub enum CopyError {
    /// A key to be archived is still in use.
    #[error("{key} is {state}, and only a retired key is archived")]
    NotRetired {
        /// The key.
        key: String,
        /// Its state.
        state: KeyState,
    },
    /// A key to be archived is nowhere any more.
    #[error("no source of the plan gives {key} any more")]
    NoSource {
        /// The key.
        key: String,
    },
    /// What is to be copied are KEKs.
    #[error("no copy can hold {keks}: a KEK hands out no bytes")]
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
    /// What was decrypted is something else.
    #[error("the file holds no backup of keys")]
    NoBackup,
    /// The keys of another plan.
    #[error("the file is a backup of {of}, not of plan {plan}")]
    OtherPlan {
        /// Whose keys they are.
        of: String,
        /// The plan.
        plan: String,
    },
    /// A file of this name is there.
    #[error("{path} is there already")]
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
    /// The file of an identity cannot be read.
    #[error("{path}: {kind}")]
    IdentityUnreadable {
        /// The file.
        path: String,
        /// Why.
        kind: ErrorKind,
    },
    /// Others can read the file of an identity.
    #[error("{path} is open to others, and is a secret")]
    IdentityOpen {
        /// The file.
        path: String,
    },
    /// An identity itself was given, where the path of its file belongs.
    #[error("this is an identity, and the path of its file belongs here")]
    TypedIdentity,
    /// The file of an identity has none in it.
    #[error("the file of the identity holds none")]
    NoIdentity,
    /// A recipient is none of age. It is not shown: it may be the identity, put in the wrong place.
    #[error("recipient {number} is no recipient of age (it is not shown: it may be an identity)")]
    Recipient {
        /// Which of those that were given, from 1.
        number: usize,
    },
    /// Nobody would be able to read the copy.
    #[error("there is no recipient")]
    NoRecipient,
    /// Encryption broke off.
    #[error("the file could not be encrypted")]
    NotEncrypted,
    /// The file is none of age.
    #[error("the file is no age file")]
    NoAgeFile,
    /// The file is encrypted to others.
    #[error("the identity does not decrypt the file")]
    OtherIdentity,
    /// The file is not as it was written.
    #[error("the file is damaged")]
    Damaged,
    /// This build was made without age.
    #[error("this build writes and reads no age files")]
    NoAge,
}

impl Advise for CopyError {
    fn advice(&self) -> Advice {
        match self {
            CopyError::NotRetired { .. } => {
                Advice::refused("key-state", "`reseal keys backup` copies keys in use")
            }
            CopyError::NoSource { .. } => Advice::refused("key", "bring it back into the plan first"),
            CopyError::Keks { .. } => {
                Advice::refused("kek", "see how the KMS or the token itself is backed up")
            }
            CopyError::Key(error) => Advice::refused("key", error.help.clone()),
            CopyError::Format(_) => Advice::refused("format", "run `reseal check`"),
            CopyError::Unreadable { .. } => Advice::usage("file", "check the path"),
            CopyError::NoBackup => {
                Advice::refused("no-backup", "name a file that `reseal keys backup` wrote")
            }
            CopyError::OtherPlan { .. } => Advice::refused("other-plan", "name the backup of this plan"),
            CopyError::Exists { .. } => {
                Advice::refused("file-exists", "a copy of keys is never overwritten: choose another name")
            }
            CopyError::NotWritten { .. } => Advice::failed("file"),
            CopyError::IdentityUnreadable { .. } => Advice::usage("identity", "check the path"),
            CopyError::IdentityOpen { path } => Advice::refused("identity", format!("chmod 600 {path}")),
            CopyError::TypedIdentity => Advice::usage(
                "identity",
                "write it into a file of mode 600; others may have seen it on the command line",
            ),
            CopyError::NoIdentity => {
                Advice::usage("identity", "the file that age-keygen wrote: AGE-SECRET-KEY-1…")
            }
            CopyError::Recipient { .. } => Advice::usage("recipient", "age-keygen prints it: age1…"),
            CopyError::NoRecipient => Advice::usage("recipient", "--to age1…"),
            CopyError::NotEncrypted => Advice::failed("age"),
            CopyError::NoAgeFile | CopyError::OtherIdentity | CopyError::Damaged => {
                Advice::refused("undecryptable", "is it the right file, and the right identity?")
            }
            CopyError::NoAge => {
                Advice::refused("feature", "build it with the feature: cargo build --release --features age")
            }
        }
    }
}
