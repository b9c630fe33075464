//! Years of simulated time: a daemon that ticks, sleeps, is down, and whose clock steps.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};
use reseal_plan::{Action, CronLine, JobSpec, Misfire, Overlap, Timing};
use reseal_schedule::{CATCH_UP, Calendar, Due, History, due, due_at, slots, wake};

fn job(line: &str, misfire: Misfire) -> JobSpec {
    JobSpec {
        name: "job".into(),
        timing: Timing::Cron(CronLine::parse(line).unwrap()),
        misfire,
        overlap: Overlap::Forbid,
        jitter: None,
        action: Action::KeyAge,
        line: 1,
    }
}

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A daemon and its database: what is settled, and the claims.
struct World {
    job: JobSpec,
    zone: TimeZone,
    key_since: Option<Timestamp>,
    settled: Timestamp,
    claims: BTreeSet<Timestamp>,
    fired: Vec<(Timestamp, Timestamp)>,
    missed: Vec<Timestamp>,
}

impl World {
    fn new(job: JobSpec, zone_name: &str, since: &str) -> World {
        let zone = zone(zone_name);
        let (claims, settled) = (BTreeSet::new(), at(since));
        World { job, zone, key_since: None, settled, claims, fired: vec![], missed: vec![] }
    }

    fn calendar(&self) -> Calendar<'_> {
        Calendar { zone: &self.zone, key_since: self.key_since }
    }

    fn ask(&self, now: Timestamp, running: bool) -> Due {
        due("plan", &self.job, self.calendar(), &History { settled: self.settled, running }, now)
    }

    /// One look at the clock: everything that is due is claimed, and over at once.
    fn tick(&mut self, now: Timestamp) {
        loop {
            let due = self.ask(now, false);
            let Some(settled) = due.settled else { return };
            self.settled = settled;
            self.missed.extend(due.missed);
            if let Some(slot) = due.fire
                && self.claims.insert(slot)
            {
                self.fired.push((slot, now));
            }
        }
    }

    /// Ticks from `from` to `until` as a daemon does: when something is due, and every half a day.
    fn live(&mut self, from: &str, until: &str) {
        let (mut now, until) = (at(from), at(until));
        while now < until {
            self.tick(now);
            let next = now + SignedDuration::from_hours(12);
            now = wake("plan", &self.job, self.calendar(), self.settled)
                .map_or(next, |wake| wake.min(next).max(now + SignedDuration::from_secs(1)));
        }
    }

    fn slots(&self) -> Vec<String> {
        self.fired.iter().map(|(slot, _)| slot.to_string()).collect()
    }
}

/// Watches that a slot fires once and on time, through twenty changes of the clock.
#[test]
fn ten_years_fire_each_slot_once_and_on_time() {
    for (line, name) in [
        ("0 4 1 1,4,7,10 *", "America/New_York"),
        ("30 2 * * *", "America/New_York"),
        ("30 1 * * *", "Europe/London"),
        ("0 0 29 2 *", "UTC"),
        ("15 2 * * *", "Australia/Lord_Howe"),
    ] {
        let (from, until) = ("2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z");
        let mut world = World::new(job(line, Misfire::Once), name, from);
        world.live(from, until);
        let expect: Vec<Timestamp> = slots(&world.job.timing, world.calendar(), at(from))
            .take_while(|slot| *slot < at(until))
            .collect();
        let fired: Vec<Timestamp> = world.fired.iter().map(|(slot, _)| *slot).collect();
        assert_eq!(fired, expect, "{line} {name}");
        assert!(world.fired.iter().all(|(slot, now)| slot == now), "{line} {name}: not on time");
        assert!(world.missed.is_empty());
    }
}

/// Watches what each word of `misfire` makes of a daemon that was down over a quarter's end.
#[test]
fn a_daemon_down_over_a_quarters_end_catches_up_as_the_plan_says() {
    let reminder = "0 4 1 1,4,7,10 *";
    for (misfire, fired, missed) in [
        (Misfire::Skip, vec!["2026-07-01T08:00:00Z"], vec!["2026-04-01T08:00:00Z"]),
        (Misfire::Once, vec!["2026-04-01T08:00:00Z", "2026-07-01T08:00:00Z"], vec![]),
        (Misfire::All, vec!["2026-04-01T08:00:00Z", "2026-07-01T08:00:00Z"], vec![]),
    ] {
        let mut world = World::new(job(reminder, misfire), "America/New_York", "2026-03-01T00:00:00Z");
        world.live("2026-03-01T00:00:00Z", "2026-03-31T00:00:00Z");
        world.live("2026-04-03T00:00:00Z", "2026-07-02T00:00:00Z");
        assert_eq!(world.slots(), fired, "{misfire:?}");
        assert_eq!(world.missed.iter().map(ToString::to_string).collect::<Vec<_>>(), missed, "{misfire:?}");
    }
}

#[test]
fn many_missed_slots_are_skipped_folded_or_caught_up_to_a_bound() {
    let daily = |misfire| {
        let mut world = World::new(job("0 8 * * *", misfire), "UTC", "2026-01-01T00:00:00Z");
        world.tick(at("2028-01-01T12:00:00Z"));
        world
    };
    assert_eq!(daily(Misfire::Skip).fired.len(), 0);
    assert_eq!(daily(Misfire::Once).slots(), ["2028-01-01T08:00:00Z"]);
    let all = daily(Misfire::All);
    assert_eq!(all.fired.len(), CATCH_UP);
    assert!(all.fired.is_sorted());
    assert_eq!(all.slots().last().unwrap(), "2028-01-01T08:00:00Z");
    // Of several missed, the newest fires alone if it is on time.
    let mut world = World::new(job("0 8 * * *", Misfire::Once), "UTC", "2026-01-01T00:00:00Z");
    world.tick(at("2026-01-05T08:02:00Z"));
    assert_eq!(world.slots(), ["2026-01-05T08:00:00Z"]);
    assert_eq!(world.missed.len(), 4);
}

/// Ten years of minutes are not counted one by one.
#[test]
fn a_long_absence_is_answered_at_once() {
    let mut world = World::new(job("* * * * *", Misfire::Once), "Europe/Berlin", "2016-01-01T00:00:00Z");
    let due = world.ask(at("2026-01-01T00:00:30Z"), false);
    assert!(due.missed_more && due.missed.len() <= CATCH_UP);
    world.tick(at("2026-01-01T00:00:30Z"));
    assert_eq!(world.fired.len(), 5, "the five that are not late yet");
}

/// Watches that a clock that jumps ahead and comes back fires nothing twice, and loses nothing that it did not fire.
#[test]
fn clocks_that_step_fire_nothing_twice_and_lose_nothing() {
    let mut world = World::new(job("0 8 * * *", Misfire::Once), "UTC", "2026-01-01T00:00:00Z");
    world.live("2026-01-01T00:00:00Z", "2026-01-03T12:00:00Z");
    // Ten days ahead by mistake, and back.
    world.tick(at("2026-01-13T09:00:00Z"));
    world.live("2026-01-03T12:01:00Z", "2026-01-15T00:00:00Z");
    let days: Vec<String> = world.slots().iter().map(|slot| slot[8..10].to_owned()).collect();
    let mut sorted = days.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(days.len(), sorted.len(), "a slot fired twice: {days:?}");
    let every: Vec<String> = (1..=14).map(|day| format!("{day:02}")).collect();
    assert_eq!(sorted, every, "the thirteenth fired by mistake, the others in their time");
    // Two clocks that differ by a little are no step.
    let before = world.fired.len();
    world.tick(at("2026-01-15T08:00:01Z"));
    world.tick(at("2026-01-15T07:59:00Z"));
    world.tick(at("2026-01-15T08:00:02Z"));
    assert_eq!(world.fired.len(), before + 1);
}

#[test]
fn the_next_slot_waits_for_the_one_before_unless_overlap_is_allowed() {
    let mut world = World::new(job("0 * * * *", Misfire::Once), "UTC", "2026-01-01T00:30:00Z");
    let now = at("2026-01-01T03:00:10Z");
    assert_eq!(world.ask(now, true), Due::default());
    world.job.overlap = Overlap::Allow;
    assert_eq!(world.ask(now, true).fire, Some(at("2026-01-01T03:00:00Z")));
}

#[test]
fn jitter_is_fixed_for_a_slot_and_within_its_bound() {
    let mut world = World::new(job("0 * * * *", Misfire::Skip), "UTC", "2026-01-01T00:00:00Z");
    world.job.jitter = Some(Duration::from_secs(900));
    let all: Vec<Timestamp> = slots(&world.job.timing, world.calendar(), world.settled).take(2000).collect();
    let delays: BTreeSet<i64> = all
        .iter()
        .map(|slot| {
            let delay = due_at("plan", &world.job, *slot).duration_since(*slot);
            assert_eq!(due_at("plan", &world.job, *slot).duration_since(*slot), delay);
            assert!(!delay.is_negative() && delay < SignedDuration::from_mins(15));
            delay.as_secs() / 60
        })
        .collect();
    assert_eq!(delays.len(), 15, "spread over all minutes");
    // Asked too early it does not fire, and holds back none but itself and those behind it.
    for slot in &all[..50] {
        let due = due_at("plan", &world.job, *slot);
        world.settled = *slot - SignedDuration::from_secs(1);
        assert_eq!(world.ask(due - SignedDuration::from_millis(1), false), Due::default());
        assert_eq!(world.ask(due, false).fire, Some(*slot));
    }
    world.settled = at("2026-01-01T00:00:00Z");
    world.live("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    assert_eq!(world.fired.len(), 31 * 24 - 1, "the first hour's slot is before the beginning");
    assert!(world.fired.iter().all(|(slot, now)| *now == due_at("plan", &world.job, *slot)));
}

/// Watches what `misfire` makes of a daemon that was down when a key came of age, and that a key which was replaced by hand
/// meanwhile leaves nothing to catch up.
#[test]
fn a_key_that_came_of_age_meanwhile_is_caught_up_as_the_plan_says() {
    for (misfire, replaced, fired, missed) in [
        (Misfire::Once, false, &["2026-04-01T06:00:00Z", "2026-06-30T06:00:00Z"][..], 0),
        (Misfire::Skip, false, &["2026-06-30T06:00:00Z"], 1),
        (Misfire::All, false, &["2026-04-01T06:00:00Z", "2026-06-30T06:00:00Z"], 0),
        (Misfire::Once, true, &["2026-06-19T12:00:00Z"], 0),
    ] {
        let every = Timing::KeyAge { interval: Duration::from_secs(90 * 86_400) };
        let job = JobSpec { timing: every, ..job("0 0 1 1 *", misfire) };
        let mut world = World::new(job, "UTC", "2026-01-10T00:00:00Z");
        world.key_since = Some(at("2026-01-01T06:00:00Z"));
        world.live("2026-01-10T00:00:00Z", "2026-03-20T00:00:00Z");
        if replaced {
            world.key_since = Some(at("2026-03-21T12:00:00Z"));
        }
        world.live("2026-04-05T00:00:00Z", "2026-07-10T00:00:00Z");
        assert_eq!(world.slots(), fired, "{misfire:?} {replaced}");
        assert_eq!(world.missed.len(), missed, "{misfire:?} {replaced}");
    }
}
