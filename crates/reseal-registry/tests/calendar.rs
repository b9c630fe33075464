//! Ten simulated years of every shipped plan: each slot fires once, at the hour that its zone says.
//!
//! `UPDATE_GOLDEN=1 cargo test -p reseal-registry` rewrites the lists. Read what changed.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};
use reseal_plan::{JobSpec, ScheduleSpec};
use reseal_schedule::{Calendar, History, due, due_at, slots, wake};

const FROM: &str = "2026-01-01T00:00:00Z";
const UNTIL: &str = "2036-01-01T00:00:00Z";

#[test]
fn ten_years_of_every_shipped_plan() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = root.join("tests/calendar");
    let mut differing = Vec::new();
    for path in plans(&[root.join("../../rotation-plans"), golden.clone()]) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let plan =
            reseal_plan::parse(reseal_plan::PlanFile::named(&name), &text, &reseal_registry::vocabulary())
                .unwrap_or_else(|problems| panic!("{problems}"));
        let Some(schedule) = plan.schedule else { continue };
        let found = told_of(&plan.name, &schedule);
        let golden = golden.join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &found).unwrap();
        }
        if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            differing.push(golden);
        }
    }
    assert!(differing.is_empty(), "these lists are not what fires: {differing:?}");
}

fn plans(folders: &[PathBuf]) -> Vec<PathBuf> {
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let mut plans: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    plans.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    plans.sort();
    plans
}

fn told_of(plan: &str, schedule: &ScheduleSpec) -> String {
    let mut text = format!("{plan}, {}, {FROM} to {UNTIL}\n", schedule.zone_name);
    for job in &schedule.jobs {
        let fired = lived(plan, job, calendar(&schedule.zone));
        let listed: Vec<Timestamp> = slots(&job.timing, calendar(&schedule.zone), FROM.parse().unwrap())
            .take_while(|slot| *slot < UNTIL.parse().unwrap())
            .collect();
        assert_eq!(fired, listed, "{plan} {}: each slot once", job.name);
        let _ =
            write!(text, "\n{}: {}, {}: {} times\n", job.name, job.timing, job.action.name(), fired.len());
        text += &told(&fired, &schedule.zone);
    }
    text
}

/// Where the key became active when the ten years began, and is never replaced.
fn calendar(zone: &TimeZone) -> Calendar<'_> {
    Calendar { zone, key_since: Some(FROM.parse().unwrap()) }
}

/// What a daemon fires that looks at the clock when something is due, and every half a day.
fn lived(plan: &str, job: &JobSpec, calendar: Calendar<'_>) -> Vec<Timestamp> {
    let (mut now, until): (Timestamp, Timestamp) = (FROM.parse().unwrap(), UNTIL.parse().unwrap());
    let (mut settled, mut fired) = (now, Vec::new());
    while now < until {
        let due = due(plan, job, calendar, &History { settled, running: false }, now);
        assert!(due.missed.is_empty(), "{plan} {}: nothing is missed", job.name);
        if let Some(slot) = due.fire {
            assert_eq!(now, due_at(plan, job, slot), "{plan} {}: on time", job.name);
            fired.push(slot);
        }
        settled = due.settled.unwrap_or(settled);
        let next = now + SignedDuration::from_hours(12);
        now = wake(plan, job, calendar, settled).map_or(next, |wake| wake.min(next).max(now));
    }
    fired
}

/// A line for each slot; a row of days with the same hours is one line.
fn told(fired: &[Timestamp], zone: &TimeZone) -> String {
    let mut text = String::new();
    let mut rest: Vec<Zoned> = fired.iter().map(|slot| slot.to_zoned(zone.clone())).collect();
    while let Some(first) = rest.first().cloned() {
        let row = rest.iter().enumerate().take_while(|(day, slot)| {
            let same = (slot.time(), slot.offset()) == (first.time(), first.offset());
            same && slot.date() == first.date() + i64::try_from(*day).unwrap().days()
        });
        let length = row.count();
        let (local, utc) = (first.strftime("%a %F %R %:z"), first.timestamp().strftime("%R"));
        let _ = match length {
            1 => writeln!(text, "  {local}  {utc}Z"),
            _ => writeln!(text, "  {local}  {utc}Z  daily to {}, {length} times", rest[length - 1].date()),
        };
        rest.drain(..length);
    }
    text
}
