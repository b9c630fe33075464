//! What the daemon and the outbox count on, on every database. Each test names the guard without which it is red.
//!
//! Wants `RESEAL_TEST_POSTGRES_URL` and `RESEAL_TEST_MYSQL_URL`, as `cargo xtask test` sets them.

#![allow(clippy::unwrap_used)]

mod common;

use reseal_control::{
    AlertKey, Claimant, ControlDatabase, Firing, FiringState, JobTimes, LetterRow, LetterState, NewLetter,
    Settled,
};
use reseal_store::{Database, Holder, Trouble};

use common::Control;

const STORES: [&str; 3] = ["sqlite", "postgres", "mysql"];

fn holder(name: &str) -> Holder {
    Holder::decode(name)
}

fn claimant(name: &str) -> Claimant {
    Claimant { holder: holder(name), work: format!("work-of-{name}") }
}

fn times(version: &str) -> JobTimes<'_> {
    JobTimes { job: "job", timing: "* * * * *", version }
}

/// Watches the key of a firing: a slot is claimed once for ever, also where the clock went back over it.
#[tokio::test]
async fn a_slot_is_claimed_once() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        session.claim_slot("plan", "job", 60_000, 0, &claimant("a")).await.unwrap();
        let again = session.claim_slot("plan", "job", 60_000, 0, &claimant("b")).await.unwrap_err();
        assert_eq!(again.trouble, Trouble::Constraint, "{store}");
        for (plan, job, slot) in
            [("plan", "job", 60_001), ("plan", "other", 60_000), ("other", "job", 60_000)]
        {
            session.claim_slot(plan, job, slot, 0, &claimant("b")).await.unwrap();
        }
    }
}

/// Watches the compare-and-set of `settle`: of two daemons that read the same, one moves on.
#[tokio::test]
async fn slots_are_settled_from_where_they_were_read() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        session.schedule_seen("plan", times("a"), 1_000, true).await.unwrap();
        assert!(session.settle("plan", times("a"), 1_000, 2_000).await.unwrap(), "{store}");
        assert!(!session.settle("plan", times("a"), 1_000, 3_000).await.unwrap(), "{store}: settled twice");
        session.pause_schedule("plan", "job", "ada").await.unwrap();
        assert!(!session.settle("plan", times("a"), 2_000, 3_000).await.unwrap(), "{store}: it is paused");
        session.resume_schedule("plan", "job", 9_000).await.unwrap();
        let known = session.schedule_known("plan", times("a")).await.unwrap().unwrap();
        assert_eq!((known.settled, known.paused_by), (9_000, None), "{store}");
    }
}

/// Watches the row of each version: what one settles is not settled for the other, a pause is of both, and a version that
/// comes back after another replaced it for long begins anew.
#[tokio::test]
async fn two_versions_of_a_job_settle_side_by_side() {
    const WEEK: i64 = 7 * 86_400_000;
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        for (version, now) in [("a", 1_000), ("b", 2_000), ("a", 3_000), ("b", 4_000)] {
            session.schedule_seen("plan", times(version), now, true).await.unwrap();
        }
        assert!(session.settle("plan", times("a"), 1_000, 5_000).await.unwrap(), "{store}");
        assert!(session.settle("plan", times("b"), 2_000, 3_000).await.unwrap(), "{store}");
        let names: Vec<String> =
            session.schedules("plan").await.unwrap().into_iter().map(|row| row.job).collect();
        assert_eq!(names, ["job"], "{store}: versions are no jobs");
        session.pause_schedule("plan", "job", "ada").await.unwrap();
        assert!(!session.settle("plan", times("b"), 3_000, 6_000).await.unwrap(), "{store}: both are paused");
        session.resume_schedule("plan", "job", 9_000).await.unwrap();
        assert!(session.settle("plan", times("a"), 9_000, 10_000).await.unwrap(), "{store}");
        assert!(session.settle("plan", times("b"), 9_000, 11_000 + WEEK).await.unwrap(), "{store}");
        let mut settled = Vec::new();
        for begins in [false, true] {
            let row = session.schedule_seen("plan", times("a"), 12_000 + WEEK, begins).await.unwrap();
            settled.push(row.settled);
        }
        assert_eq!(settled, [10_000, 12_000 + WEEK], "{store}");
    }
}

/// Watches the upgrade: what an earlier version of Reseal counted of the same times counts on.
#[tokio::test]
async fn the_row_of_an_earlier_version_counts_on() {
    for (timing, settled) in [("* * * * *", 7_000), ("0 4 * * *", 9_000)] {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/control.db?mode=rwc", folder.path().display());
        let mut session = ControlDatabase::parse(&url).unwrap().connect().await.unwrap();
        session.migrate().await.unwrap();
        let insert = format!(
            "INSERT INTO reseal_schedule (plan, job, timing, settled) VALUES ('plan', 'job', '{timing}', 7000)"
        );
        Database::parse(&url).unwrap().connect().await.unwrap().script(&[insert]).await.unwrap();
        let row = session.schedule_seen("plan", times("a"), 9_000, true).await.unwrap();
        assert_eq!(row.settled, settled, "{timing}");
    }
}

/// Watches the epoch of a firing: who was superseded renews, puts back and ends nothing.
#[tokio::test]
async fn a_daemon_that_was_superseded_ends_nothing() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        session.claim_slot("plan", "job", 60_000, 0, &claimant("a")).await.unwrap();
        let claimed = session.open_firings("plan").await.unwrap().remove(0);
        let first = session.take_firing(&claimed, &claimant("a"), 1_000).await.unwrap().unwrap();
        let none = session.take_firing(&claimed, &claimant("b"), 1_000).await.unwrap();
        assert_eq!(none, None, "{store}: both read it, and one took it");
        let held: Firing = session.open_firings("plan").await.unwrap().remove(0);
        let second = session.take_firing(&held, &claimant("b"), 1_000).await.unwrap().unwrap();
        assert!(!session.renew_firing(&claimed, first, 1_000).await.unwrap(), "{store}");
        assert!(!session.put_back(&claimed, first, 0, "x").await.unwrap(), "{store}");
        assert!(!session.end_firing(&claimed, first, FiringState::Failed, "x").await.unwrap(), "{store}");
        assert!(session.end_firing(&claimed, second, FiringState::Done, "y").await.unwrap(), "{store}");
        assert!(
            !session.end_firing(&claimed, second, FiringState::Done, "z").await.unwrap(),
            "{store}: once"
        );
        assert_eq!(session.firings("plan", 9).await.unwrap()[0].outcome.as_deref(), Some("y"), "{store}");
    }
}

fn letter(id: &str, kind: &str) -> NewLetter {
    NewLetter {
        id: id.to_owned(),
        kind: kind.to_owned(),
        plan: "plan".to_owned(),
        subject: "run".to_owned(),
        slot: "1".to_owned(),
        via: "mail".to_owned(),
        address: None,
        fields: "[]".to_owned(),
        resolved: false,
        posted_at: 5,
    }
}

/// Watches the unique key of the outbox, and that a letter shares the fate of its cause.
#[tokio::test]
async fn a_letter_is_there_once_and_with_its_cause() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        session.post_letters(&[letter("a", "failed"), letter("b", "failed")]).await.unwrap();
        session.post_letters(&[letter("b", "finished"), letter("c", "failed")]).await.unwrap();
        session.begin().await.unwrap();
        session.post_letters(&[letter("d", "failed")]).await.unwrap();
        session.rollback().await.unwrap();
        let due = session.due_letters("plan", 9, 100).await.unwrap();
        let ids: Vec<_> = due.iter().map(|row| (row.letter.id.as_str(), row.letter.kind.as_str())).collect();
        assert_eq!(
            ids,
            [("a", "failed"), ("b", "failed"), ("c", "failed")],
            "{store}: the first posting stays"
        );
    }
}

/// Watches the attempt's number: of several that read a letter one takes it, and a word that comes late does not count.
#[tokio::test]
async fn a_letter_is_taken_by_one_and_settled_by_its_last_attempt() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        session.post_letters(&[letter("a", "failed")]).await.unwrap();
        let read = |rows: Vec<LetterRow>| rows.into_iter().next().unwrap();
        let first = read(session.due_letters("plan", 9, 1).await.unwrap());
        assert!(session.take_letter(&first, &holder("a"), 1_000).await.unwrap(), "{store}");
        assert!(!session.take_letter(&first, &holder("b"), 1_000).await.unwrap(), "{store}: taken twice");
        let second = read(session.due_letters("plan", 9, 1).await.unwrap());
        assert!(session.take_letter(&second, &holder("b"), 1_000).await.unwrap(), "{store}");
        let late = session.settle_letter("a", 1, &Settled::Dead("late".into()), 9).await.unwrap();
        assert!(!late, "{store}: another attempt was made meanwhile");
        assert!(session.settle_letter("a", 2, &Settled::Sent, 9).await.unwrap(), "{store}");
        assert_eq!(session.letters("plan", LetterState::Sent, 9).await.unwrap().len(), 1, "{store}");
    }
}

/// Watches each condition of the pruning: the state, the kind and the time. What waits is never forgotten.
#[tokio::test]
async fn only_old_letters_are_forgotten() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        let all = ["sent", "young", "lasting", "dead", "waiting"];
        let kind = |id: &str| if id == "lasting" { "announced" } else { "failed" };
        session.post_letters(&all.map(|id| letter(id, kind(id)))).await.unwrap();
        for row in session.due_letters("plan", 9, 9).await.unwrap() {
            let id = row.letter.id.as_str();
            let settled = match id {
                "waiting" => continue,
                "dead" => Settled::Dead("x".into()),
                _ => Settled::Sent,
            };
            assert!(session.take_letter(&row, &holder("a"), 1_000).await.unwrap());
            session.settle_letter(id, 1, &settled, if id == "young" { 200 } else { 100 }).await.unwrap();
        }
        let pruned = session.prune_letters(LetterState::Sent, &["failed", "finished"], 150).await.unwrap();
        assert_eq!(pruned, 1, "{store}");
        let counts = session.letter_counts(Some("plan")).await.unwrap();
        assert_eq!((counts.sent, counts.dead, counts.waiting), (2, 1, 1), "{store}");
    }
}

/// Watches that an alert is on once, whoever raises it, and counts how often it was.
#[tokio::test]
async fn an_alert_is_on_once() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        let disk = AlertKey { plan: "plan", kind: "disk", cause: "disk" };
        assert_eq!(session.resolve_alert(&disk, 1).await.unwrap(), None, "{store}");
        assert_eq!(session.raise_alert(&disk, 1).await.unwrap(), Some(1), "{store}");
        assert_eq!(session.raise_alert(&disk, 2).await.unwrap(), None, "{store}");
        assert_eq!(session.resolve_alert(&disk, 3).await.unwrap(), Some(1), "{store}");
        assert_eq!(session.resolve_alert(&disk, 4).await.unwrap(), None, "{store}");
        assert_eq!(session.raise_alert(&disk, 5).await.unwrap(), Some(2), "{store}");
        assert_eq!(session.alerts("plan").await.unwrap().len(), 1, "{store}");
    }
}
