//! What people are asked to agree to, as a notice shows it, so that whoever is asked knows before he logs in.

use jiff::Timestamp;
use reseal_control::ApprovalRequest;
use reseal_core::Notice;
use reseal_store::DatabaseIdentity;
use serde_json::{Map, Value};

/// A notice with the parts of a request: who asked for what, of which plan, on which database, with which keys, until when.
pub(crate) fn with_request(notice: Notice, request: &ApprovalRequest) -> Notice {
    let scope = if request.scope == "{}" { "the whole plan" } else { &request.scope };
    let database = request.target.as_deref().and_then(DatabaseIdentity::decode);
    let expires = Timestamp::from_millisecond(request.expires_at);
    let notice = notice
        .with("asked_by", request.operator.as_str())
        .with("for", what(&request.kind))
        .with("scope", scope)
        .with("plan_digest", request.digest.as_str())
        .with("database", database.map_or("not named".to_owned(), |database| database.to_string()));
    let notice = keys(request).into_iter().fold(notice, |notice, key| notice.with("key", key));
    notice.with("until", expires.map(|at| format!("{at:.0}")).unwrap_or_default())
}

/// What a kind of request is for, as people say it.
fn what(kind: &str) -> &str {
    match kind {
        "run" => "a run",
        "emergency" => "an emergency run",
        "rollback" => "a rollback",
        "destroy" => "the destruction of a key",
        kind => kind,
    }
}

/// The keys of a request, each with its role and its fingerprint.
fn keys(request: &ApprovalRequest) -> Vec<String> {
    let keysets: Map<String, Value> = serde_json::from_str(&request.fingerprints).unwrap_or_default();
    let mut shown = Vec::new();
    for (keyset, keys) in &keysets {
        for (id, key) in keys.as_object().into_iter().flatten() {
            let text = |name: &str| key[name].as_str().unwrap_or("unknown");
            shown.push(format!("{keyset}/{id}, {}: {}", text("role"), text("fingerprint")));
        }
    }
    shown
}
