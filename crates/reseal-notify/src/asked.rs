//! What people are asked to approve, as a notice shows it, so that approvers know before they log in.

use reseal_control::ApprovalRequest;
use reseal_core::Notice;

use crate::runs::time;

/// A notice with the parts of a request: who asked for what, in which scope, on which database, with which keys, until when.
pub(crate) fn with_request(notice: Notice, request: &ApprovalRequest) -> Notice {
    let database = request.database().map_or("not named".to_owned(), |database| database.to_string());
    let notice = notice
        .with("asked_by", request.operator.as_str())
        .with("for", what(&request.kind))
        .with("scope", request.scope_for_people())
        .with("plan_digest", request.digest.as_str())
        .with("database", database);
    let keys = request.keys().into_iter();
    let shown = keys.map(|key| format!("{}, {}: {}", key.name, key.role, key.fingerprint));
    shown.fold(notice, |notice, key| notice.with("key", key)).with("until", time(request.expires_at))
}

/// What a kind of request is for, as people say it.
fn what(kind: &str) -> &str {
    match kind {
        "run" => "a run",
        "emergency" => "an emergency run",
        "rollback" => "a rollback",
        "destroy" => "a key destruction",
        "approvers" => "a change of approvers",
        kind => kind,
    }
}
