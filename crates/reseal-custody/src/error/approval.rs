//! Why people's agreement is not there, or does not count.

use std::io::ErrorKind;

use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why people's agreement is not there, or does not count.
#[derive(Clone, Debug, Error)]
pub enum ApprovalError {
    /// Too few agreed yet.
    #[error(transparent)]
    Needed(Box<MissingApprovals>),
    /// There is no such request.
    #[error("there is no request {request}")]
    NoSuchRequest {
        /// The request.
        request: String,
    },
    /// What was agreed to was done.
    #[error("request {request} was made use of")]
    Used {
        /// The request.
        request: String,
    },
    /// Somebody agrees to what he asked for himself.
    #[error("request {request} was made from this login: {who}")]
    Own {
        /// The request.
        request: String,
        /// Who asked, and now agrees.
        who: String,
    },
    /// Nobody agreed in time.
    #[error("request {request} has lapsed")]
    Lapsed {
        /// The request.
        request: String,
    },
    /// The approver agreed before.
    #[error("{name} agreed to request {request} already")]
    Already {
        /// The approver.
        name: String,
        /// The request.
        request: String,
    },
    /// Somebody agreed in this name with another key.
    #[error("request {request} has another signature in the name of {name}")]
    OtherSignature {
        /// The request.
        request: String,
        /// The approver.
        name: String,
    },
    /// The approvers of the plan have another key of this name, or none.
    #[error("{name} with this key is not an approver of plan {plan}")]
    Wrong {
        /// The plan.
        plan: String,
        /// The approver.
        name: String,
    },
    /// A key that people agreed to has other bytes now.
    #[error("keyset {keyset}: {key} holds other bytes than when people agreed to this run")]
    OtherKey {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The plan.
        plan: String,
    },
    /// A key that people agreed to is gone.
    #[error("keyset {keyset}: {key} was there when people agreed to this run, and is gone")]
    KeyGone {
        /// The keyset.
        keyset: String,
        /// The key.
        key: String,
        /// The plan.
        plan: String,
    },
    /// The run began by an agreement that is not there any more.
    #[error("the control database has no valid approvals of run {run}")]
    Lost {
        /// The run.
        run: String,
    },
    /// The file of approvers cannot be trusted.
    #[error("the file of approvers {path} {fault}")]
    Approvers {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: ApproversFault,
    },
    /// The file of an approver's key cannot be used.
    #[error("{path} {fault}")]
    ApproverKey {
        /// The file.
        path: String,
        /// What is wrong with it.
        fault: ApproverKeyFault,
    },
    /// A name that cannot stand in the file of approvers.
    #[error("an approver's name is letters, digits, dots, hyphens, underscores and @")]
    BadName,
    /// No key could be made.
    #[error("no random bytes, or no key of them")]
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

/// What a request lacks.
#[derive(Clone, Debug, Error)]
#[error("{}", self.text())]
pub struct MissingApprovals {
    /// The request.
    pub request: String,
    /// What it is for.
    pub what: &'static str,
    /// How many have to agree.
    pub needed: u32,
    /// Those whose agreement counts.
    pub valid: Vec<String>,
    /// Why that of others does not.
    pub not_counted: Vec<String>,
    /// The file of approvers.
    pub approvers: String,
}

impl MissingApprovals {
    fn text(&self) -> String {
        let MissingApprovals { request, what, needed, valid, not_counted, .. } = self;
        let there = valid.len();
        let mut text =
            format!("request {request}: {there} of {needed} needed approvals to this {what} are there");
        if !valid.is_empty() {
            text += &format!(", of {}", valid.join(", "));
        }
        for why in not_counted {
            text += &format!("\nnot counted: {why}");
        }
        text
    }
}

/// What is wrong with the file of approvers.
#[derive(Clone, Copy, Debug, Error)]
pub enum ApproversFault {
    /// It cannot be looked up.
    #[error("cannot be read: {0}")]
    NotFound(ErrorKind),
    /// It is there, and cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// It is a folder, or far too large.
    #[error("is no such file")]
    NoFile,
    /// Others can write it.
    #[error("can be written by others (mode {0:03o}), who could add themselves")]
    WrittenByOthers(u32),
    /// Others can put another file in its place.
    #[error("lies in a folder that others can write")]
    FolderOfOthers,
    /// A line is no approver.
    #[error("line {0}: not understood")]
    Line(usize),
}

impl ApproversFault {
    fn help(self) -> &'static str {
        match self {
            ApproversFault::NotFound(_) => "see `policy.approvers`",
            ApproversFault::Unreadable(_) => "check its owner and mode",
            ApproversFault::NoFile => "one `NAME ed25519 PUBLIC-KEY` a line",
            ApproversFault::WrittenByOthers(_) => "chmod go-w",
            ApproversFault::FolderOfOthers => "chmod go-w the folder",
            ApproversFault::Line(_) => "NAME ed25519 PUBLIC-KEY, each name once",
        }
    }
}

/// What is wrong with the file of an approver's key.
#[derive(Clone, Copy, Debug, Error)]
pub enum ApproverKeyFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(ErrorKind),
    /// It holds no key.
    #[error("is no key")]
    NoKey,
    /// Others can read it.
    #[error("can be read by others, who could agree in this name")]
    ReadByOthers,
    /// Others own it, or can put another file in its place.
    #[error("can be replaced by others")]
    OfOthers,
}

impl ApproverKeyFault {
    fn help(self) -> &'static str {
        match self {
            ApproverKeyFault::Unreadable(_) => "check the path",
            ApproverKeyFault::NoKey => "`reseal approve keygen` makes one",
            ApproverKeyFault::ReadByOthers => "chmod 600; better, a new key",
            ApproverKeyFault::OfOthers => "keep it in a folder that only you can write",
        }
    }
}

impl Advise for ApprovalError {
    fn advice(&self) -> Advice {
        match self {
            ApprovalError::Needed(missing) => Advice::stopped(
                "approval-needed",
                format!(
                    "`reseal approve {} --key FILE` by one of {}, then the same command again",
                    missing.request, missing.approvers
                ),
            ),
            ApprovalError::NoSuchRequest { .. } => {
                Advice::usage("no-such-request", "the command that needs approvals names the request")
            }
            ApprovalError::Used { .. } | ApprovalError::Lapsed { .. } => {
                Advice::refused("request-over", "the command that needs approvals writes a new one")
            }
            ApprovalError::Already { .. } => {
                Advice::refused("approved-already", "another approver is needed")
            }
            ApprovalError::OtherSignature { .. } => Advice::refused(
                "approved-already",
                "with --plan yours takes its place, where the file of approvers has your key",
            ),
            ApprovalError::Wrong { .. } => Advice::refused(
                "approval-wrong",
                "the signature would not count: a new approver counts once the current approvers have signed that change",
            ),
            ApprovalError::Own { .. } => Advice::refused(
                "approval-own",
                "two people must agree: have somebody else sign, from a login of their own",
            ),
            ApprovalError::OtherKey { plan, .. } | ApprovalError::KeyGone { plan, .. } => Advice::refused(
                "key-not-agreed",
                format!(
                    "put it back, and `reseal resume PLAN` goes on;\n\
                     `reseal rollback PLAN --confirm {plan}` undoes the steps, so that people may be asked anew"
                ),
            ),
            ApprovalError::Lost { run } => Advice::refused(
                "approval-lost",
                format!("give it up (`reseal cancel --run {run}`) and ask anew"),
            ),
            ApprovalError::Approvers { fault, .. } => Advice::refused("approvers", fault.help()),
            ApprovalError::ApproverKey { fault, .. } => Advice::refused("approver-key", fault.help()),
            ApprovalError::BadName => Advice::usage("bad-name", "the name that this person logs in with"),
            ApprovalError::Random => Advice::failed("random"),
            ApprovalError::NotWritten { .. } => {
                Advice::refused("file", "a key is never overwritten: choose another name")
            }
        }
    }
}
