//! Why approvals are missing or not valid.

use std::io::ErrorKind;

use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why approvals are missing or not valid.
#[derive(Clone, Debug, Error)]
pub enum ApprovalError {
    /// Too few approvers have signed.
    #[error(transparent)]
    Needed(Box<MissingApprovals>),
    /// There is no such request.
    #[error("there is no request {request}")]
    NoSuchRequest {
        /// The request.
        request: String,
    },
    /// The request has already been used.
    #[error("request {request} has already been used")]
    Used {
        /// The request.
        request: String,
    },
    /// The approver made the request.
    #[error("request {request} was made from your own login: {who}")]
    Own {
        /// The request.
        request: String,
        /// The requester, who now signs.
        who: String,
    },
    /// The request has expired.
    #[error("request {request} has expired")]
    Lapsed {
        /// The request.
        request: String,
    },
    /// The approver has already signed.
    #[error("{name} has already approved request {request}")]
    Already {
        /// The approver.
        name: String,
        /// The request.
        request: String,
    },
    /// There is a signature under this name, made with another key.
    #[error("request {request} already has a signature from {name} made with another key")]
    OtherSignature {
        /// The request.
        request: String,
        /// The approver.
        name: String,
    },
    /// The plan's approvers do not include this name with this key.
    #[error("{name} with this key is not an approver of plan {plan}")]
    Wrong {
        /// The plan.
        plan: String,
        /// The approver.
        name: String,
    },
    /// The bytes of a key have changed since the approval.
    #[error("keyset {keyset}: the bytes of {key} have changed since this run was approved")]
    OtherKey {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The plan.
        plan: String,
    },
    /// A key has disappeared since the approval.
    #[error("keyset {keyset}: {key} existed when this run was approved and is now missing")]
    KeyGone {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The plan.
        plan: String,
    },
    /// The approvals with which the run started are gone.
    #[error("the control database has no valid approvals of run {run}")]
    Lost {
        /// The run.
        run: String,
    },
    /// The approvers file cannot be trusted.
    #[error("the approvers file {path} {fault}")]
    Approvers {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: ApproversFault,
    },
    /// The key file of an approver cannot be used.
    #[error("{path} {fault}")]
    ApproverKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: ApproverKeyFault,
    },
    /// A name that is not allowed in the approvers file.
    #[error("an approver's name can contain only letters, digits, dots, hyphens, underscores and @")]
    BadName,
    /// No key could be generated.
    #[error("the operating system returned no random bytes, or no key could be made from them")]
    Random,
    /// A new key could not be written.
    #[error("{path}: {kind}")]
    NotWritten {
        /// The file.
        path: String,
        /// Why.
        kind: ErrorKind,
    },
}

/// What a request still needs.
#[derive(Clone, Debug, Error)]
#[error("{}", self.text())]
pub struct MissingApprovals {
    /// The request.
    pub request: String,
    /// What it is for.
    pub what: &'static str,
    /// The number of required approvals.
    pub needed: u32,
    /// Approvers with a valid signature.
    pub valid: Vec<String>,
    /// Why other signatures do not count.
    pub not_counted: Vec<String>,
    /// Who can sign, as a noun phrase.
    pub approvers: String,
}

impl MissingApprovals {
    fn text(&self) -> String {
        let MissingApprovals { request, what, needed, valid, not_counted, .. } = self;
        let there = valid.len();
        let mut text =
            format!("request {request}: {there} of {needed} required approvals received for this {what}");
        if !valid.is_empty() {
            text += &format!(", from {}", valid.join(", "));
        }
        for why in not_counted {
            text += &format!("\nnot counted: {why}");
        }
        text
    }
}

/// What is wrong with the approvers file.
#[derive(Clone, Copy, Debug, Error)]
pub enum ApproversFault {
    /// It does not exist.
    #[error("cannot be read: {0}")]
    NotFound(ErrorKind),
    /// It exists but cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// It is not a regular file, or it is too large.
    #[error("is not a regular file or is too large")]
    NoFile,
    /// Other users can write to it.
    #[error("is writable by other users (mode {0:03o}), who could add themselves")]
    WrittenByOthers(u32),
    /// Other users can replace it.
    #[error("is in a directory that other users can write to")]
    FolderOfOthers,
    /// A line does not name an approver.
    #[error("is not valid at line {0}")]
    Line(usize),
}

impl ApproversFault {
    fn help(self) -> &'static str {
        match self {
            ApproversFault::NotFound(_) => "check the path in `policy.approvers`",
            ApproversFault::Unreadable(_) => "check its owner and mode",
            ApproversFault::NoFile => "write one approver per line: `NAME ed25519 PUBLIC-KEY`",
            ApproversFault::WrittenByOthers(_) => "run `chmod go-w` on the file",
            ApproversFault::FolderOfOthers => "run `chmod go-w` on the directory",
            ApproversFault::Line(_) => {
                "write one approver per line, `NAME ed25519 PUBLIC-KEY`, and each name only once"
            }
        }
    }
}

/// What is wrong with the key file of an approver.
#[derive(Clone, Copy, Debug, Error)]
pub enum ApproverKeyFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// It contains no key.
    #[error("is not an approver's key")]
    NoKey,
    /// Other users can read it.
    #[error("is readable by other users, who could approve requests in your name")]
    ReadByOthers,
    /// Other users own it or can replace it.
    #[error("can be replaced by other users")]
    OfOthers,
}

impl ApproverKeyFault {
    fn help(self) -> &'static str {
        match self {
            ApproverKeyFault::Unreadable(_) => "check the path",
            ApproverKeyFault::NoKey => "create a key with `reseal approve keygen`",
            ApproverKeyFault::ReadByOthers => {
                "create a new key with `reseal approve keygen`, or run `chmod 600` on this one if nobody else has read \
                 it"
            }
            ApproverKeyFault::OfOthers => "move it to a directory that only you can write to",
        }
    }
}

impl Advise for ApprovalError {
    fn advice(&self) -> Advice {
        match self {
            ApprovalError::Needed(missing) => Advice::stopped(
                "approval-needed",
                format!(
                    "have it signed with `reseal approve {} --key FILE` by one of {}, then run the same command again",
                    missing.request, missing.approvers
                ),
            ),
            ApprovalError::NoSuchRequest { .. } => {
                Advice::usage("no-such-request", "check the ID; the command that needs approval prints it")
            }
            ApprovalError::Used { .. } | ApprovalError::Lapsed { .. } => Advice::refused(
                "request-over",
                "run the command that needs approval again; it makes a new request",
            ),
            ApprovalError::Already { .. } => {
                Advice::refused("approved-already", "ask another approver to sign")
            }
            ApprovalError::OtherSignature { .. } => Advice::refused(
                "approved-already",
                "pass `--plan PLAN` to replace it with yours, if the approvers file lists your key",
            ),
            ApprovalError::Wrong { .. } => Advice::refused(
                "approval-wrong",
                "check the approvers file; a new approver counts only after the current approvers have signed that \
                 change",
            ),
            ApprovalError::Own { .. } => Advice::refused(
                "approval-own",
                "requesters cannot approve their own requests: ask another approver to sign from their own login",
            ),
            ApprovalError::OtherKey { plan, .. } | ApprovalError::KeyGone { plan, .. } => Advice::refused(
                "key-not-agreed",
                format!(
                    "restore the key and resume with `reseal resume PLAN`,\nor undo the steps with `reseal rollback \
                     PLAN --confirm {plan}` and request approval again"
                ),
            ),
            ApprovalError::Lost { run } => Advice::refused(
                "approval-lost",
                format!("cancel it with `reseal cancel PLAN --run {run}` and request approval again"),
            ),
            ApprovalError::Approvers { fault, .. } => Advice::refused("approvers", fault.help()),
            ApprovalError::ApproverKey { fault, .. } => Advice::refused("approver-key", fault.help()),
            ApprovalError::BadName => Advice::usage("bad-name", "pass the approver's login name"),
            ApprovalError::Random => Advice::failed("random"),
            ApprovalError::NotWritten { .. } => {
                Advice::refused("file", "pass another file; Reseal never overwrites a key")
            }
        }
    }
}
