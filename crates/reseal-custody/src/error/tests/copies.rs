//! Copies of keys.

use std::io::ErrorKind;

use reseal_core::KeyState;
use reseal_engine::Class::{Failed, Refused, Usage};
use reseal_registry::BuildError;

use super::super::*;
use super::{Case, case, s};

pub(super) fn of_copies() -> Vec<Case> {
    let (path, kind) = (|| s("/c"), ErrorKind::NotFound);
    let format = BuildError::Format { seal: s("main"), message: s("no") };
    let found = "/c: entity not found";
    vec![
        case(
            CopyError::NotRetired { key: s("v1"), state: KeyState::Active },
            Refused,
            "key-state",
            "v1 is active, and only a retired key is archived",
            "`reseal keys backup` copies keys in use",
        ),
        case(
            CopyError::NoSource { key: s("v1") },
            Refused,
            "key",
            "no source of the plan gives v1 any more",
            "bring it back into the plan first",
        ),
        case(
            CopyError::Keks { keks: s("main/v1") },
            Refused,
            "kek",
            "no copy can hold main/v1: a KEK hands out no bytes",
            "see how the KMS or the token itself is backed up",
        ),
        case(CopyError::Format(format), Refused, "format", "seal main: no", "run `reseal check`"),
        case(CopyError::Unreadable { path: path(), kind }, Usage, "file", found, "check the path"),
        case(
            CopyError::NoBackup,
            Refused,
            "no-backup",
            "the file holds no backup of keys",
            "name a file that `reseal keys backup` wrote",
        ),
        case(
            CopyError::OtherPlan { of: s("q"), plan: s("p") },
            Refused,
            "other-plan",
            "the file is a backup of q, not of plan p",
            "name the backup of this plan",
        ),
        case(
            CopyError::Exists { path: path() },
            Refused,
            "file-exists",
            "/c is there already",
            "a copy of keys is never overwritten: choose another name",
        ),
        case(CopyError::NotWritten { path: path(), kind }, Failed, "file", found, ""),
        case(
            CustodyError::NoSuchKey { plan: s("p"), key: s("v1") },
            Usage,
            "no-such-key",
            "plan p has no key v1",
            "`reseal keys list PLAN` lists them",
        ),
    ]
}

pub(super) fn of_age() -> Vec<Case> {
    let (path, kind) = (|| s("/i"), ErrorKind::NotFound);
    let right = "is it the right file, and the right identity?";
    vec![
        case(
            CopyError::IdentityUnreadable { path: path(), kind },
            Usage,
            "identity",
            "/i: entity not found",
            "check the path",
        ),
        case(
            CopyError::TypedIdentity,
            Usage,
            "identity",
            "this is an identity, and the path of its file belongs here",
            "write it into a file of mode 600; others may have seen it on the command line",
        ),
        case(
            CopyError::IdentityOpen { path: path() },
            Refused,
            "identity",
            "/i is open to others, and is a secret",
            "chmod 600 /i",
        ),
        case(
            CopyError::NoIdentity,
            Usage,
            "identity",
            "the file of the identity holds none",
            "the file that age-keygen wrote: AGE-SECRET-KEY-1…",
        ),
        case(
            CopyError::Recipient { number: 2 },
            Usage,
            "recipient",
            "recipient 2 is no recipient of age (it is not shown: it may be an identity)",
            "age-keygen prints it: age1…",
        ),
        case(CopyError::NoRecipient, Usage, "recipient", "there is no recipient", "--to age1…"),
        case(CopyError::NotEncrypted, Failed, "age", "the file could not be encrypted", ""),
        case(CopyError::NoAgeFile, Refused, "undecryptable", "the file is no age file", right),
        case(
            CopyError::OtherIdentity,
            Refused,
            "undecryptable",
            "the identity does not decrypt the file",
            right,
        ),
        case(CopyError::Damaged, Refused, "undecryptable", "the file is damaged", right),
        case(
            CopyError::NoAge,
            Refused,
            "feature",
            "this build writes and reads no age files",
            "build it with the feature: cargo build --release --features age",
        ),
    ]
}
