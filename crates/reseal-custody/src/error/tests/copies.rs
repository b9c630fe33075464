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
            "v1 is active, and only retired keys can be archived",
            "back up keys in use with `reseal keys backup`",
        ),
        case(
            CopyError::NoSource { key: s("v1") },
            Refused,
            "key",
            "no source of the plan provides v1 any more",
            "add its source to the plan again first",
        ),
        case(
            CopyError::Keks { keks: s("main/v1") },
            Refused,
            "kek",
            "main/v1 cannot be copied: a KEK cannot be exported",
            "back it up with the tools of the KMS or token",
        ),
        case(CopyError::Format(format), Refused, "format", "seal `main`: no", "run `reseal check`"),
        case(CopyError::Unreadable { path: path(), kind }, Usage, "file", found, "check the path"),
        case(
            CopyError::NoBackup,
            Refused,
            "no-backup",
            "the file is not a key backup",
            "pass a file written by `reseal keys backup`",
        ),
        case(
            CopyError::OtherPlan { of: s("q"), plan: s("p") },
            Refused,
            "other-plan",
            "the file is a backup of q, not of plan p",
            "pass a backup of this plan",
        ),
        case(
            CopyError::Exists { path: path() },
            Refused,
            "file-exists",
            "/c already exists",
            "pass another file; Reseal never overwrites a copy of keys",
        ),
        case(CopyError::NotWritten { path: path(), kind }, Failed, "file", found, ""),
        case(
            CustodyError::NoSuchKey { plan: s("p"), key: s("v1") },
            Usage,
            "no-such-key",
            "plan p has no key v1",
            "list the plan's keys with `reseal keys list PLAN`",
        ),
    ]
}

pub(super) fn of_identities() -> Vec<Case> {
    let (path, kind) = (|| s("/i"), ErrorKind::NotFound);
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
            "the value is an age identity, not the path of its file",
            "pass the path of a file with mode 600 and replace this identity: other users may have seen it on the \
             command line",
        ),
        case(
            CopyError::IdentityOpen { path: path() },
            Refused,
            "identity",
            "/i is secret, and other users can read it",
            "run `chmod 600 /i`",
        ),
        case(
            CopyError::NoIdentity,
            Usage,
            "identity",
            "the identity file contains no age identity",
            "pass a file written by age-keygen; it has a line that starts with AGE-SECRET-KEY-1",
        ),
    ]
}

pub(super) fn of_age() -> Vec<Case> {
    let right = "check that the file and the identity belong together";
    vec![
        case(
            CopyError::Recipient { number: 2 },
            Usage,
            "recipient",
            "recipient 2 is not an age recipient (it is not shown, because it may be an identity)",
            "pass the public key that age-keygen prints; it starts with age1",
        ),
        case(
            CopyError::NoRecipient,
            Usage,
            "recipient",
            "the recipient is missing",
            "pass `--to` with an age recipient, such as `--to age1…`",
        ),
        case(CopyError::NotEncrypted, Failed, "age", "the file could not be encrypted", ""),
        case(CopyError::NoAgeFile, Refused, "undecryptable", "the file is not an age file", right),
        case(
            CopyError::OtherIdentity,
            Refused,
            "undecryptable",
            "the identity cannot decrypt the file",
            right,
        ),
        case(CopyError::Damaged, Refused, "undecryptable", "the file is damaged", right),
        case(
            CopyError::NoAge,
            Refused,
            "feature",
            "this build does not support age files",
            "build Reseal with age: `cargo build --release --features age`",
        ),
    ]
}
