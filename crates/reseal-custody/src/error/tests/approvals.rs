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
    let approve =
        "have it signed with `reseal approve q1 --key FILE` by one of /a, then run the same command again";
    let over = "run the command that needs approval again; it makes a new request";
    vec![
        case(
            missing(&[], &[]),
            Stopped,
            "approval-needed",
            "request q1: 0 of 2 required approvals received for this rollback",
            approve,
        ),
        case(
            missing(&["ada"], &["bob made the request"]),
            Stopped,
            "approval-needed",
            "request q1: 1 of 2 required approvals received for this rollback, from ada\nnot counted: bob made the \
             request",
            approve,
        ),
        case(
            ApprovalError::NoSuchRequest { request: request() },
            Usage,
            "no-such-request",
            "there is no request q1",
            "check the ID; the command that needs approval prints it",
        ),
        case(
            ApprovalError::Used { request: request() },
            Refused,
            "request-over",
            "request q1 has already been used",
            over,
        ),
        case(
            ApprovalError::Lapsed { request: request() },
            Refused,
            "request-over",
            "request q1 has expired",
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
            "ada has already approved request q1",
            "ask another approver to sign",
        ),
        case(
            ApprovalError::OtherSignature { name: name(), request: request() },
            Refused,
            "approved-already",
            "request q1 already has a signature from ada made with another key",
            "pass `--plan PLAN` to replace it with yours, if the approvers file lists your key",
        ),
        case(
            ApprovalError::Wrong { plan: s("p"), name: name() },
            Refused,
            "approval-wrong",
            "ada with this key is not an approver of plan p",
            "check the approvers file; a new approver counts only after the current approvers have signed that change",
        ),
        case(
            ApprovalError::Own { request: request(), who: s("ada (uid 7 on h)") },
            Refused,
            "approval-own",
            "request q1 was made from your own login: ada (uid 7 on h)",
            "requesters cannot approve their own requests: ask another approver to sign from their own login",
        ),
        case(
            ApprovalError::Lost { run: s("r1") },
            Refused,
            "approval-lost",
            "the control database has no valid approvals of run r1",
            "cancel it with `reseal cancel PLAN --run r1` and request approval again",
        ),
    ]
}

pub(super) fn of_agreed_keys() -> Vec<Case> {
    let names = || (s("main"), s("v1"), s("p"));
    let put_back = "restore the key and resume with `reseal resume PLAN`,\nor undo the steps with `reseal rollback \
                    PLAN --confirm p` and request approval again";
    let (keyset, key, plan) = names();
    let other = ApprovalError::OtherKey { keyset, key, plan };
    let (keyset, key, plan) = names();
    let gone = ApprovalError::KeyGone { keyset, key, plan };
    vec![
        case(
            other,
            Refused,
            "key-not-agreed",
            "keyset main: the bytes of v1 have changed since this run was approved",
            put_back,
        ),
        case(
            gone,
            Refused,
            "key-not-agreed",
            "keyset main: v1 existed when this run was approved and is now missing",
            put_back,
        ),
    ]
}

pub(super) fn of_approvers() -> Vec<Case> {
    let file = |fault, message, help| {
        case(ApprovalError::Approvers { path: s("/a"), fault }, Refused, "approvers", message, help)
    };
    let unreadable = "the approvers file /a cannot be read: entity not found";
    vec![
        file(
            ApproversFault::NotFound(ErrorKind::NotFound),
            unreadable,
            "check the path in `policy.approvers`",
        ),
        file(ApproversFault::Unreadable(ErrorKind::NotFound), unreadable, "check its owner and mode"),
        file(
            ApproversFault::NoFile,
            "the approvers file /a is not a regular file or is too large",
            "write one approver per line: `NAME ed25519 PUBLIC-KEY`",
        ),
        file(
            ApproversFault::WrittenByOthers(0o26),
            "the approvers file /a is writable by other users (mode 026), who could add themselves",
            "run `chmod go-w` on the file",
        ),
        file(
            ApproversFault::FolderOfOthers,
            "the approvers file /a is in a directory that other users can write to",
            "run `chmod go-w` on the directory",
        ),
        file(
            ApproversFault::Line(3),
            "the approvers file /a is not valid at line 3",
            "write one approver per line, `NAME ed25519 PUBLIC-KEY`, and each name only once",
        ),
        case(
            ApprovalError::BadName,
            Usage,
            "bad-name",
            "an approver's name can contain only letters, digits, dots, hyphens, underscores and @",
            "pass the approver's login name",
        ),
        case(
            ApprovalError::Random,
            Failed,
            "random",
            "the operating system returned no random bytes, or no key could be made from them",
            "",
        ),
        case(
            ApprovalError::NotWritten { path: s("/k"), kind: ErrorKind::AlreadyExists },
            Refused,
            "file",
            "/k: entity already exists",
            "pass another file; Reseal never overwrites a key",
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
        key(
            ApproverKeyFault::NoKey,
            "/k is not an approver's key",
            "create a key with `reseal approve keygen`",
        ),
        key(
            ApproverKeyFault::ReadByOthers,
            "/k is readable by other users, who could approve requests in your name",
            "create a new key with `reseal approve keygen`, or run `chmod 600` on this one if nobody else has read it",
        ),
        key(
            ApproverKeyFault::OfOthers,
            "/k can be replaced by other users",
            "move it to a directory that only you can write to",
        ),
    ]
}
