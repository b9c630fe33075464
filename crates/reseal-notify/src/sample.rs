//! One notice of each kind, as its poster fills it in: for `reseal notify test`, for the golden files, and to look
//! up which fields a template can name.

use reseal_core::{Notice, NoticeKind};

/// A sample notice. Times in it are invented, and say so in their slot.
#[must_use]
pub fn sample(kind: NoticeKind, plan: &str) -> Notice {
    let about = |subject: &str| Notice::new(kind, plan, subject, "sample");
    let found = of_a_run(kind, plan).or_else(|| of_a_key(kind, &about)).or_else(|| of_a_job(kind, &about));
    found.unwrap_or_else(|| of_a_plan(kind, &about))
}

/// A notice about a run; `None` for kinds about something else.
fn of_a_run(kind: NoticeKind, plan: &str) -> Option<Notice> {
    const RUN: &str = "0198c2a4-1f00-7000-8000-000000000000";
    let run = Notice::new(kind, plan, RUN, "sample").with("run", RUN);
    Some(match kind {
        NoticeKind::Started => run
            .with("new_key", "phi: v3")
            .with("scope", "whole plan")
            .with("emergency", "no")
            .with("operator", "ops"),
        NoticeKind::Finished => run
            .with("old_keys", "phi: v2")
            .with("new_key", "phi: v3")
            .with("cells", "1,204,331")
            .with("rows", "602,166")
            .with("duration", "12 min 4 s")
            .with("began", "2026-07-01T06:00:12Z")
            .with("ended", "2026-07-01T06:12:16Z")
            .with("operator", "ops")
            .with("next_due", "2027-07-01"),
        NoticeKind::Failed => run
            .with("state", "failed")
            .with("reason", "the server takes no writes: read-only transaction [25006]")
            .with("rows", "31,000 of 602,166")
            .with("cells", "62,000")
            .with("operator", "ops"),
        NoticeKind::Quarantined => run.with("cells_quarantined", "3").with("cells", "1,204,328"),
        NoticeKind::Deadline => run
            .with("deadline", "2026-07-02T06:00:12Z")
            .with("left", "4 h 0 min")
            .with("rows", "412,000 of 602,166"),
        NoticeKind::Slow => run.with("running_for", "32 min 10 s").with("expected", "30 min 0 s"),
        NoticeKind::FailedOpens => {
            run.with("share", "12 %").with("cells_quarantined", "120").with("limit", "1 %")
        }
        NoticeKind::NoProgress => run.with("standing_for", "15 min 0 s").with("rows", "31,000 of 602,166"),
        NoticeKind::Throttled => {
            run.with("why", "a replica lags 42 s behind").with("waiting_for", "1 h 0 min")
        }
        _ => return None,
    })
}

/// A notice about keys.
fn of_a_key(kind: NoticeKind, about: &dyn Fn(&str) -> Notice) -> Option<Notice> {
    Some(match kind {
        NoticeKind::KeyExpiring => about("v2")
            .with("key", "v2")
            .with("keyset", "phi")
            .with("age", "76 days")
            .with("limit", "90 days")
            .with("expires", "2026-04-15"),
        NoticeKind::KeyExpired => about("v2")
            .with("key", "v2")
            .with("keyset", "phi")
            .with("age", "93 days")
            .with("limit", "90 days")
            .with("expired", "2026-04-15"),
        NoticeKind::TooManyKeys => {
            about("phi").with("keyset", "phi").with("active", "6").with("limit", "5").with("oldest", "v1")
        }
        NoticeKind::RestoreTestFailed => about("restore-test")
            .with("keyset", "phi")
            .with("key", "v3")
            .with("reason", "the key in the backup has other bytes than the key in use")
            .with("backup", "/backups/keys-latest.age"),
        _ => return None,
    })
}

/// A notice about a job of the schedule.
fn of_a_job(kind: NoticeKind, about: &dyn Fn(&str) -> Notice) -> Option<Notice> {
    Some(match kind {
        NoticeKind::Remind => about("quarterly-reminder")
            .with("template", "quarterly-reminder")
            .with("due", "2026-04-01T04:00-04:00")
            .with("next_due", "2026-07-01T04:00-04:00"),
        NoticeKind::Announced => about("rotate")
            .with("start", "2026-07-01T09:00+03:00")
            .with("window", "7 days")
            .with("application", "keeps running with both keys")
            .with("contact", "security@example.com"),
        NoticeKind::RestoreTestDue => about("restore-test").with("due", "2026-07-01T06:00+03:00"),
        NoticeKind::NotClean => about("sweep")
            .with("does", "verify")
            .with("due", "2026-07-01T06:00+03:00")
            .with("reason", "not clean, 41 cells under phi/v2, 1,204,290 cells under phi/v3"),
        NoticeKind::DeadMan => about("quarterly-reminder")
            .with("what", "the reminder")
            .with("due", "1 April 2026")
            .with("verb", "go out")
            .with("last", "2026-01-01T04:00-05:00"),
        _ => return None,
    })
}

/// A notice about approvals, the trail, or what a plan needs around it.
fn of_a_plan(kind: NoticeKind, about: &dyn Fn(&str) -> Notice) -> Notice {
    match kind {
        NoticeKind::AuditBroken => about("trail")
            .with("sequence", "4711")
            .with("reason", "the event is not linked to the previous one")
            .with("events", "10,000"),
        NoticeKind::Unauthorised => about("run")
            .with("action", "emergency-run")
            .with("operator", "mallory")
            .with("needs", "2 approvals")
            .with("has", "1")
            .with("at", "2026-07-01T03:12:00Z"),
        NoticeKind::ApprovalNeeded => about("request 0198c2a4-1f00-7000-8000-000000000001")
            .with("request", "0198c2a4-1f00-7000-8000-000000000001")
            .with("approvals", "1 of 2 required approvals received for this run, from alice")
            .with("asked_by", "erin")
            .with("for", "a run")
            .with("scope", "the whole plan")
            .with("plan_digest", "9f2c7d1e0b6a48c5930f1e2d7c6b5a4938271605f4e3d2c1b0a9f8e7d6c5b4a3")
            .with("database", "clinic at db.example.net:5432 (server 7423, ledger 0198c2a4)")
            .with("key", "phi/v2, primary: 5a1f0c77")
            .with("until", "2026-07-08T02:00:00Z"),
        NoticeKind::ConnectionErrors => about("database")
            .with("for", "5 min 0 s")
            .with("error", "the connection failed: connection refused"),
        NoticeKind::PlanChanged => about("/etc/reseal/clinic.yaml")
            .with("file", "/etc/reseal/clinic.yaml")
            .with("state", "waits")
            .with("in_force", "9f2c7d1e0b6a48c5930f1e2d7c6b5a4938271605f4e3d2c1b0a9f8e7d6c5b4a3")
            .with("host", "keys1"),
        NoticeKind::Disk => about("disk").with("free", "11 %").with("limit", "20 %"),
        kind => about(kind.name()),
    }
}
