//! Slots over both changes of the clock, leap days and years.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use reseal_plan::{CronLine, Timing};
use reseal_schedule::{Calendar, slots};

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

fn cron(line: &str) -> Timing {
    Timing::Cron(CronLine::parse(line).unwrap())
}

fn every(interval: Duration, from: &str) -> Timing {
    Timing::Every { interval, from: from.parse().unwrap() }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn between(timing: &Timing, zone_name: &str, from: &str, until: &str) -> Vec<String> {
    let (zone, until) = (zone(zone_name), at(until));
    slots(timing, Calendar::without_key(&zone), at(from))
        .take_while(|slot| *slot <= until)
        .map(|slot| slot.to_string())
        .collect()
}

/// Watches the mapping of a wall clock's times to instants, in spring and in autumn.
/// A cron line, its zone, from when, until when, and its slots.
type Clocks = (&'static str, &'static str, &'static str, &'static str, &'static [&'static str]);

const CLOCKS_THAT_CHANGE: &[Clocks] = &[
    // New York springs from 02:00 to 03:00 at 07:00Z and falls back at 06:00Z.
    (
        "30 2 * * *",
        "America/New_York",
        "2026-03-07T12:00:00Z",
        "2026-03-09T12:00:00Z",
        &["2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"],
    ),
    (
        "30 1 * * *",
        "America/New_York",
        "2026-10-31T12:00:00Z",
        "2026-11-02T12:00:00Z",
        &["2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"],
    ),
    // Berlin: both at 01:00Z.
    (
        "0 2 * * *",
        "Europe/Berlin",
        "2026-03-28T12:00:00Z",
        "2026-03-30T12:00:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"],
    ),
    (
        "59 2 * * *",
        "Europe/Berlin",
        "2026-10-24T12:00:00Z",
        "2026-10-26T12:00:00Z",
        &["2026-10-25T00:59:00Z", "2026-10-26T01:59:00Z"],
    ),
    // Every quarter of an hour: what the clock jumps over falls together, what it repeats comes once.
    (
        "*/15 2,3 * * *",
        "Europe/Berlin",
        "2026-03-29T00:00:00Z",
        "2026-03-29T01:45:00Z",
        &["2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z", "2026-03-29T01:30:00Z", "2026-03-29T01:45:00Z"],
    ),
    (
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-10-25T00:00:00Z",
        "2026-10-25T02:00:00Z",
        &["2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"],
    ),
    // From within the second pass of the repeated hour.
    (
        "*/30 * * * *",
        "Europe/Berlin",
        "2026-10-25T01:10:00Z",
        "2026-10-25T02:00:00Z",
        &["2026-10-25T02:00:00Z"],
    ),
    // Lord Howe moves by half an hour: 02:00 to 02:30, on 4 October at 15:30Z of the day before.
    (
        "15 2 * * *",
        "Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        "2026-10-04T23:00:00Z",
        &["2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"],
    ),
    // Beirut jumps from midnight: the day begins at 01:00.
    (
        "0 0 * * *",
        "Asia/Beirut",
        "2026-03-28T00:00:00Z",
        "2026-03-29T23:00:00Z",
        &["2026-03-28T22:00:00Z", "2026-03-29T21:00:00Z"],
    ),
    // Jerusalem falls back from 02:00 to 01:00 on 25 October, at 23:00Z.
    (
        "30 1 * * *",
        "Asia/Jerusalem",
        "2026-10-24T12:00:00Z",
        "2026-10-25T23:45:00Z",
        &["2026-10-24T22:30:00Z", "2026-10-25T23:30:00Z"],
    ),
];

#[test]
fn a_slot_in_the_gap_comes_right_after_it_and_one_in_the_repeated_hour_once() {
    for (line, zone, from, until, expect) in CLOCKS_THAT_CHANGE {
        assert_eq!(between(&cron(line), zone, from, until), *expect, "{line} {zone}");
    }
}

#[test]
fn leap_days_come_every_fourth_year() {
    let slots = between(&cron("0 12 29 2 *"), "UTC", "2026-01-01T00:00:00Z", "2105-01-01T00:00:00Z");
    let years: Vec<&str> = slots.iter().map(|slot| &slot[..4]).collect();
    assert_eq!(years.len(), 19);
    assert_eq!((years[0], years[17], years[18]), ("2028", "2096", "2104"), "2100 is none");
}

#[test]
fn intervals_count_from_a_fixed_time() {
    let ninety = every(Duration::from_secs(90 * 86_400), "2026-01-15T04:00");
    // Days are those of the wall clock: four o'clock in winter and in summer.
    assert_eq!(
        between(&ninety, "Europe/Berlin", "2026-01-01T00:00:00Z", "2026-12-31T00:00:00Z"),
        ["2026-01-15T03:00:00Z", "2026-04-15T02:00:00Z", "2026-07-14T02:00:00Z", "2026-10-12T02:00:00Z"]
    );
    // Hours are hours.
    let six = every(Duration::from_secs(6 * 3600), "1970-01-01");
    assert_eq!(
        between(&six, "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T12:00:00Z"),
        ["2026-03-29T05:00:00Z", "2026-03-29T11:00:00Z"]
    );
    // Nothing fires before the time from which it counts.
    assert_eq!(between(&ninety, "UTC", "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), [""; 0]);
}

/// The slots of a rotation whose key became active at a time.
fn of_key(length: Duration, since: &str, zone_name: &str, from: &str, until: &str) -> Vec<String> {
    let (zone, until, timing) = (zone(zone_name), at(until), Timing::KeyAge { interval: length });
    let calendar = Calendar { zone: &zone, key_since: Some(at(since)) };
    slots(&timing, calendar, at(from))
        .take_while(|slot| *slot <= until)
        .map(|slot| slot.to_string())
        .collect()
}

/// Watches that a rotation counts from its key, and that a key which was not replaced is due again.
#[test]
fn the_age_of_a_key_counts_from_when_it_became_active() {
    let ninety = Duration::from_secs(90 * 86_400);
    let year = |since: &str, from: &str| of_key(ninety, since, "Europe/Berlin", from, "2026-12-31T00:00:00Z");
    // At the same time of the wall clock, in winter and in summer; a fraction of a second does not count.
    let due = ["2026-04-15T02:00:07Z", "2026-07-14T02:00:07Z", "2026-10-12T02:00:07Z"];
    assert_eq!(year("2026-01-15T03:00:07.9Z", "2026-01-01T00:00:00Z"), due);
    assert_eq!(year("2026-01-15T03:00:07.9Z", due[0]), due[1..], "a slot that is settled is over");
    // A key that is older than its interval was due before, and is due again.
    assert_eq!(year("2025-10-01T10:00:00Z", "2026-01-01T00:00:00Z")[0], "2026-03-30T10:00:00Z");
    // Hours are hours.
    assert_eq!(
        of_key(
            Duration::from_secs(36 * 3600),
            "2026-03-28T12:00:00Z",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-31T12:00:00Z"
        ),
        ["2026-03-30T00:00:00Z", "2026-03-31T12:00:00Z"]
    );
    let (zone, timing) = (zone("UTC"), Timing::KeyAge { interval: ninety });
    let unknown = slots(&timing, Calendar::without_key(&zone), at("2026-01-01T00:00:00Z")).next();
    assert_eq!(unknown, None, "no key, no age");
}

/// Where one begins to look makes no difference.
#[test]
fn slots_do_not_depend_on_where_the_search_begins() {
    let timings = [
        (cron("30 2 * * *"), "America/New_York"),
        (cron("0 */3 * * *"), "Australia/Lord_Howe"),
        (every(Duration::from_secs(86_400), "1970-01-01T02:30"), "Europe/Berlin"),
        (every(Duration::from_secs(7 * 3600), "1970-01-01"), "Asia/Jerusalem"),
    ];
    for (timing, name) in timings {
        let zone = zone(name);
        let (begin, end) = (at("2026-01-01T00:00:00Z"), at("2027-02-01T00:00:00Z"));
        let once: Vec<Timestamp> =
            slots(&timing, Calendar::without_key(&zone), begin).take_while(|slot| *slot <= end).collect();
        let (mut now, mut stepped) = (begin, Vec::new());
        while now < end {
            let then = now + jiff::SignedDuration::from_mins(37);
            stepped.extend(
                slots(&timing, Calendar::without_key(&zone), now).take_while(|slot| *slot <= then.min(end)),
            );
            now = then;
        }
        assert_eq!(once, stepped, "{timing} {name}");
    }
}

/// A calendar made the slow way, minute by minute: a time is a slot when the clock first shows it.
#[test]
fn ten_years_agree_with_a_clock_that_is_watched() {
    for name in ["America/New_York", "Europe/Berlin", "Asia/Jerusalem", "Australia/Lord_Howe", "UTC"] {
        let zone = zone(name);
        let (begin, end) = (at("2026-01-01T00:00:00Z"), at("2036-01-01T00:00:00Z"));
        let timing = cron("30 2 * * *");
        let found: Vec<Timestamp> =
            slots(&timing, Calendar::without_key(&zone), begin).take_while(|slot| *slot < end).collect();
        let (mut watched, mut now, mut before) = (Vec::new(), begin, zone.to_datetime(begin));
        let mut last: Option<DateTime> = None;
        while now < end {
            let shown = zone.to_datetime(now);
            let target = shown.date().at(2, 30, 0, 0);
            let passed = before < target && target <= shown;
            if passed && last != Some(target) {
                watched.push(now);
                last = Some(target);
            }
            before = shown;
            now += jiff::SignedDuration::from_mins(30);
        }
        assert_eq!(found.len(), watched.len(), "{name}");
        assert_eq!(found, watched, "{name}");
    }
}
