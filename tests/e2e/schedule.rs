//! What `reseal schedule` tells, and that a disabled schedule says so.

use crate::world::World;

const SCHEDULE: &str = "schedule:
  zone: America/New_York
  enabled: { env: ROTATION_SCHEDULE, is: enabled }
  quarterly: { cron: \"0 4 1 1,4,7,10 *\", do: remind }
  count: { every: 180d, from: 2026-01-15T04:00, do: { census: {} } }
";

#[test]
fn next_tells_local_time_and_utc() {
    let world = World::empty("sqlite", "aes-gcm");
    world.plan(SCHEDULE);
    let args = ["schedule", "next", "PLAN", "--from", "2026-01-01", "--until", "2027-01-01", "--json"];
    let next = |switch: &str| {
        let output = world.command(&args).env("ROTATION_SCHEDULE", switch).output().unwrap();
        let document = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
        (output.status.code().unwrap(), document)
    };
    let (code, off) = next("off");
    assert_eq!((code, off["slots"].as_array().map(Vec::len)), (0, Some(0)), "{off}");
    let (code, next) = next("enabled");
    assert_eq!((code, next["zone"].as_str()), (0, Some("America/New_York")), "{next}");
    let slots = next["slots"].as_array().unwrap();
    let told: Vec<(&str, &str, &str)> = slots
        .iter()
        .map(|slot| {
            let text = |name: &str| slot[name].as_str().unwrap();
            (text("job"), text("local"), text("utc"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("quarterly", "2026-01-01T04:00:00-05:00", "2026-01-01T09:00:00Z"),
            ("count", "2026-01-15T04:00:00-05:00", "2026-01-15T09:00:00Z"),
            ("quarterly", "2026-04-01T04:00:00-04:00", "2026-04-01T08:00:00Z"),
            ("quarterly", "2026-07-01T04:00:00-04:00", "2026-07-01T08:00:00Z"),
            ("count", "2026-07-14T04:00:00-04:00", "2026-07-14T08:00:00Z"),
            ("quarterly", "2026-10-01T04:00:00-04:00", "2026-10-01T08:00:00Z"),
        ]
    );
}

/// Watches the ends of a range: one that is upside down is a mistake, and an end where clocks change hides no slot.
#[test]
fn next_shows_every_slot_of_a_range() {
    let world = World::empty("sqlite", "aes-gcm");
    world.plan("schedule: { zone: America/New_York, half: { cron: \"30 2 * * *\", do: remind } }\n");
    let next = |from: &str, until: &str| {
        world.reseal(&["schedule", "next", "PLAN", "--from", from, "--until", until])
    };
    let (code, refused) = next("2027-01-01", "2026-01-01");
    assert_eq!((code, refused["error"]["code"].as_str()), (2, Some("time")), "{refused}");
    // From two to three there is no time on that day, and from one to two there is each time twice in November.
    for (from, until) in [("2026-03-08T02:30", "2026-03-08T12:00"), ("2026-03-08", "2026-03-08T02:59")] {
        let (code, next) = next(from, until);
        assert_eq!((code, next["slots"].as_array().map(Vec::len)), (0, Some(1)), "{from}: {next}");
    }
}

/// Watches both switches: the plan's variable, and the operator's.
#[test]
fn a_disabled_schedule_says_so() {
    for store in crate::world::STORES {
        let world = World::empty(store, "aes-gcm");
        world.plan(SCHEDULE);
        let control = match store {
            "sqlite" => format!("sqlite://{}", world.path("data.db").display()),
            _ => world.url.clone(),
        };
        let ask = |args: &[&str], variable: &str| {
            let mut command = world.command(&[args, &["--json"]].concat());
            command.env("RESEAL_DATABASE_URL", &control).env("ROTATION_SCHEDULE", variable);
            let output = command.output().unwrap();
            let document = serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
            (output.status.code().unwrap(), document)
        };
        let reasons = |variable: &str| {
            let (code, list) = ask(&["schedule", "list", "PLAN"], variable);
            assert_eq!(code, 0, "{list}");
            let jobs = list["plans"][0]["jobs"].as_array().unwrap().clone();
            jobs.iter().map(|job| job["reason"].as_str().map(str::to_owned)).collect::<Vec<_>>()
        };
        assert_eq!(reasons("enabled"), [None, None], "{store}");
        let off = Some("disabled: ROTATION_SCHEDULE is not enabled".to_owned());
        assert_eq!(reasons("off"), [off.clone(), off], "{store}");
        assert_eq!(ask(&["schedule", "disable", "PLAN", "count"], "enabled").0, 0, "{store}");
        let [None, Some(paused)] = &reasons("enabled")[..] else { panic!("{store}: the other job too") };
        assert!(paused.starts_with("disabled by "), "{store}: {paused}");
        assert_eq!(ask(&["schedule", "enable", "PLAN"], "enabled").0, 0, "{store}");
        assert_eq!(reasons("enabled"), [None, None], "{store}");
        let next = || {
            let (code, next) = ask(&["schedule", "next", "PLAN"], "enabled");
            assert_eq!(code, 0, "{store}: {next}");
            let of = |job: &str| next["slots"].as_array().unwrap().iter().any(|slot| slot["job"] == job);
            (of("quarterly"), of("count"), next["disabled"][0]["job"].as_str().map(str::to_owned))
        };
        assert_eq!(next(), (true, true, None), "{store}");
        assert_eq!(ask(&["schedule", "disable", "PLAN", "count"], "enabled").0, 0, "{store}");
        assert_eq!(next(), (true, false, Some("count".to_owned())), "{store}");
        let (code, refused) = ask(&["schedule", "disable", "PLAN", "other"], "enabled");
        assert_eq!((code, refused["error"]["code"].as_str()), (2, Some("no-job")), "{store}");
    }
}
