//! Approvals in the control database: what was agreed to once is made use of once, whoever comes first.

#![allow(clippy::unwrap_used)]

use reseal_control::{ApprovalRequest, ControlDatabase};

/// Watches the compare-and-set: of two processes that found the same approvals, one may go on.
#[tokio::test]
async fn a_request_is_made_use_of_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/control.db?mode=rwc", folder.path().display());
    let database = ControlDatabase::parse(&url).unwrap();
    let (mut one, mut two) = (database.connect().await.unwrap(), database.connect().await.unwrap());
    one.migrate().await.unwrap();
    let request = ApprovalRequest {
        id: "request".into(),
        plan: "people".into(),
        kind: "run".into(),
        digest: "digest".into(),
        scope: "{}".into(),
        fingerprints: "{}".into(),
        operator: "dave".into(),
        needed: 1,
        created_at: 1,
        expires_at: i64::MAX,
        used_at: None,
        target: None,
    };
    one.request_approval(&request).await.unwrap();
    assert!(one.use_approval("request", "run 1").await.unwrap());
    assert!(!two.use_approval("request", "run 2").await.unwrap(), "two runs by one agreement");
    assert_eq!(two.approval_used_for("run", "run 1").await.unwrap().unwrap().id, "request");
    assert_eq!(two.approval_used_for("run", "run 2").await.unwrap(), None);
    assert_eq!(two.approval_used_for("rollback", "run 1").await.unwrap(), None, "another kind");
}
