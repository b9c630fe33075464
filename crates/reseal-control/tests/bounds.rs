//! What a control database forgets, on every database. Each test names the guard without which it is red.
//!
//! Wants `RESEAL_TEST_POSTGRES_URL` and `RESEAL_TEST_MYSQL_URL`, as `cargo xtask test` sets them.

#![allow(clippy::unwrap_used)]

mod common;

use reseal_control::{Claimant, ControlSession, FiringState, JobTimes};
use reseal_store::{Dialect, Holder};

use common::Control;

const STORES: [&str; 3] = ["sqlite", "postgres", "mysql"];

fn table(session: &ControlSession, name: &str) -> String {
    let prefix = if session.dialect() == Dialect::Postgres { "reseal." } else { "reseal_" };
    format!("{prefix}{name}")
}

/// A daemon with another version of a plan may be so far behind.
const WEEK_MS: i64 = 7 * 86_400_000;

/// Puts slots of a job there, as daemons leave them: 1,000 ms apart, done but for those that are named. Those through
/// `settled` no daemon settles any more.
async fn slots(session: &mut ControlSession, job: &str, count: i64, claimed: &[i64], settled: i64) {
    let times = JobTimes { job, timing: "* * * * *", version: job };
    session.schedule_seen("plan", times, settled + WEEK_MS, false).await.unwrap();
    let into = table(session, "firing");
    let columns = "plan, job, slot, state, epoch, holder, lease_until, retry_at, missed, claimed_at";
    let row = |at: i64| {
        let state = if claimed.contains(&at) { "claimed" } else { "done" };
        format!("('plan', '{job}', {}, '{state}', 1, 'a', 0, 0, 0, 0)", at * 1000)
    };
    let rows: Vec<String> = (1..=count).map(row).collect();
    session.script(&[format!("INSERT INTO {into} ({columns}) VALUES {}", rows.join(", "))]).await.unwrap();
}

/// The slots of a job that are there, oldest first, in seconds.
async fn left(session: &mut ControlSession, job: &str) -> Vec<i64> {
    let firings = session.firings("plan", 1_000).await.unwrap();
    let mut slots: Vec<i64> =
        firings.into_iter().filter(|firing| firing.job == job).map(|firing| firing.slot / 1000).collect();
    slots.sort_unstable();
    slots
}

fn from(first: i64) -> Vec<i64> {
    (first..=150).collect()
}

/// Watches each condition of the pruning: a slot that could fire again, or whose work is not over, stays; so do the newest
/// hundred. What is counted goes on.
#[tokio::test]
async fn only_slots_that_can_fire_no_more_are_forgotten() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        slots(&mut session, "old", 150, &[3], 1_000_000).await;
        slots(&mut session, "young", 150, &[], 1_000_000).await;
        slots(&mut session, "unsettled", 150, &[], 10_000).await;
        slots(&mut session, "few", 100, &[], 1_000_000).await;
        let before = session.firing_counts("plan").await.unwrap();
        assert_eq!(session.prune_firings(40_000).await.unwrap(), 38 + 39 + 10, "{store}");
        let kept = [&[3][..], &from(40)].concat();
        assert_eq!(left(&mut session, "old").await, kept, "{store}: claimed, and those behind the time");
        assert_eq!(left(&mut session, "young").await, from(40), "{store}");
        assert_eq!(left(&mut session, "unsettled").await, from(11), "{store}: what is not settled may fire");
        assert_eq!(session.prune_firings(1_000_000).await.unwrap(), 11 + 11, "{store}");
        assert_eq!(left(&mut session, "young").await, from(51), "{store}: the newest hundred");
        assert_eq!(left(&mut session, "few").await.len(), 100, "{store}");
        let other = Claimant { holder: Holder::decode("b"), work: "b".to_owned() };
        let again = session.claim_slot("plan", "young", 51_000, 0, &other).await;
        assert!(again.is_err(), "{store}: a slot that is there fires once");
        let order = |mut counts: Vec<(String, FiringState, u64, i64)>| {
            counts.sort_by_key(|(job, state, ..)| (job.clone(), state.name()));
            counts
        };
        assert_eq!(order(session.firing_counts("plan").await.unwrap()), order(before), "{store}");
    }
}

/// The documents of all censuses, by way of a table that can be listed.
async fn documents(session: &mut ControlSession) -> Vec<String> {
    let (listed, census) = (table(session, "schedule"), table(session, "catalogue_census"));
    let copy = format!(
        "INSERT INTO {listed} (plan, job, timing, settled) SELECT 'censuses', document, 'x', 1 FROM {census}"
    );
    session.script(&[format!("DELETE FROM {listed}"), copy]).await.unwrap();
    session.schedules("censuses").await.unwrap().into_iter().map(|row| row.job).collect()
}

/// Watches that old counts go, and the last one of a whole plan never.
#[tokio::test]
async fn the_last_census_of_a_plan_is_never_forgotten() {
    for store in STORES {
        let control = Control::new(store).await;
        let mut session = control.session().await;
        for (document, whole) in [("first", true), ("second", true), ("part", false)] {
            session.keep_census("plan", "{}", whole, document).await.unwrap();
        }
        session.keep_census("other", "{}", true, "other").await.unwrap();
        let into = table(&session, "catalogue_census");
        let age = |document: &str, days: i64| {
            format!("UPDATE {into} SET at = at - {} WHERE document = '{document}'", days * 86_400_000)
        };
        session
            .script(&[age("first", 900), age("second", 800), age("part", 500), age("other", 900)])
            .await
            .unwrap();
        session.keep_census("plan", "{}", false, "new part").await.unwrap();
        assert_eq!(session.last_census("plan").await.unwrap().unwrap().document, "second", "{store}");
        assert_eq!(documents(&mut session).await, ["new part", "other", "second"], "{store}");
        session.keep_census("plan", "{}", true, "third").await.unwrap();
        assert_eq!(documents(&mut session).await, ["new part", "other", "third"], "{store}");
    }
}
