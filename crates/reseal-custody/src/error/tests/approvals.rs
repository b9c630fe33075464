//! What people agree to.

use std::io::ErrorKind;

use reseal_engine::Class::{Failed, Refused, Stopped, Usage};

use super::super::*;
use super::{Case, case, s};

fn missing(valid: &[&str], not_counted: &[&str]) -> ApprovalError {
    let owned = |texts: &[&str]| texts.iter().map(|text| s(text)).collect();
    ApprovalError::Needed(Box::new(MissingApprovals {
        request: s("q1"),
        what: "rollback",
        needed: 2,
        valid: owned(valid),
        not_counted: owned(not_counted),
        approvers: s("/a"),
    }))
}

pub(super) fn of_requests() -> Vec<Case> {
    let request = || s("q1");
    let approve = "`reseal approve q1 --key FILE` by one of /a, then the same command again";
    let over = "the command that needs approvals writes a new one";
    vec![
        case(
            missing(&[], &[]),
            Stopped,
            "approval-needed",
            "request q1: 0 of 2 needed approvals to this rollback are there",
            approve,
        ),
        case(
            missing(&["ada"], &["bob asked for it"]),
            Stopped,
            "approval-needed",
            "request q1: 1 of 2 needed approvals to this rollback are there, of ada\nnot counted: bob asked for it",
            approve,
        ),
        case(
            ApprovalError::NoSuchRequest { request: request() },
            Usage,
            "no-such-request",
            "there is no request q1",
            "the command that needs approvals names the request",
        ),
        case(
            ApprovalError::Used { request: request() },
            Refused,
            "request-over",
            "request q1 was made use of",
            over,
        ),
        case(
            ApprovalError::Lapsed { request: request() },
            Refused,
            "request-over",
            "request q1 has lapsed",
            over,
        ),
    ]
}

pub(super) fn of_signatures() -> Vec<Case> {
    let (request, name) = (|| s("q1"), || s("ada"));
    vec![
        case(
            ApprovalError::Already { name: name(), request: request() },
            Refused,
            "approved-already",
            "ada agreed to request q1 already",
            "another approver is needed",
        ),
        case(
            ApprovalError::OtherSignature { name: name(), request: request() },
            Refused,
            "approved-already",
            "request q1 has another signature in the name of ada",
            "with --plan yours takes its place, where the file of approvers has your key",
        ),
        case(
            ApprovalError::Wrong { plan: s("p"), name: name() },
            Refused,
            "approval-wrong",
            "ada with this key is not an approver of plan p",
            "the signature would not count: a new approver counts once the current approvers have signed that change",
        ),
        case(
            ApprovalError::Own { request: request(), who: s("ada (uid 7 on h)") },
            Refused,
            "approval-own",
            "request q1 was made from this login: ada (uid 7 on h)",
            "two people must agree: have somebody else sign, from a login of their own",
        ),
        case(
            ApprovalError::Lost { run: s("r1") },
            Refused,
            "approval-lost",
            "the control database has no valid approvals of run r1",
            "give it up (`reseal cancel --run r1`) and ask anew",
        ),
    ]
}

pub(super) fn of_agreed_keys() -> Vec<Case> {
    let names = || (s("main"), s("v1"), s("p"));
    let put_back = "put it back, and `reseal resume PLAN` goes on;\n\
                    `reseal rollback PLAN --confirm p` undoes the steps, so that people may be asked anew";
    let (keyset, key, plan) = names();
    let other = ApprovalError::OtherKey { keyset, key, plan };
    let (keyset, key, plan) = names();
    let gone = ApprovalError::KeyGone { keyset, key, plan };
    vec![
        case(
            other,
            Refused,
            "key-not-agreed",
            "keyset main: v1 holds other bytes than when people agreed to this run",
            put_back,
        ),
        case(
            gone,
            Refused,
            "key-not-agreed",
            "keyset main: v1 was there when people agreed to this run, and is gone",
            put_back,
        ),
    ]
}

pub(super) fn of_approvers() -> Vec<Case> {
    let file = |fault, message, help| {
        case(ApprovalError::Approvers { path: s("/a"), fault }, Refused, "approvers", message, help)
    };
    let unreadable = "the file of approvers /a cannot be read: entity not found";
    vec![
        file(ApproversFault::NotFound(ErrorKind::NotFound), unreadable, "see `policy.approvers`"),
        file(ApproversFault::Unreadable(ErrorKind::NotFound), unreadable, "check its owner and mode"),
        file(
            ApproversFault::NoFile,
            "the file of approvers /a is no such file",
            "one `NAME ed25519 PUBLIC-KEY` a line",
        ),
        file(
            ApproversFault::WrittenByOthers(0o26),
            "the file of approvers /a can be written by others (mode 026), who could add themselves",
            "chmod go-w",
        ),
        file(
            ApproversFault::FolderOfOthers,
            "the file of approvers /a lies in a folder that others can write",
            "chmod go-w the folder",
        ),
        file(
            ApproversFault::Line(3),
            "the file of approvers /a line 3: not understood",
            "NAME ed25519 PUBLIC-KEY, each name once",
        ),
        case(
            ApprovalError::BadName,
            Usage,
            "bad-name",
            "an approver's name is letters, digits, dots, hyphens, underscores and @",
            "the name that this person logs in with",
        ),
        case(ApprovalError::Random, Failed, "random", "no random bytes, or no key of them", ""),
        case(
            ApprovalError::NotWritten { path: s("/k"), kind: ErrorKind::AlreadyExists },
            Refused,
            "file",
            "/k: entity already exists",
            "a key is never overwritten: choose another name",
        ),
    ]
}

pub(super) fn of_approver_keys() -> Vec<Case> {
    let key = |fault, message, help| {
        case(ApprovalError::ApproverKey { path: s("/k"), fault }, Refused, "approver-key", message, help)
    };
    vec![
        key(
            ApproverKeyFault::Unreadable(ErrorKind::NotFound),
            "/k cannot be read: entity not found",
            "check the path",
        ),
        key(ApproverKeyFault::NoKey, "/k is no key", "`reseal approve keygen` makes one"),
        key(
            ApproverKeyFault::ReadByOthers,
            "/k can be read by others, who could agree in this name",
            "chmod 600; better, a new key",
        ),
        key(
            ApproverKeyFault::OfOthers,
            "/k can be replaced by others",
            "keep it in a folder that only you can write",
        ),
    ]
}
