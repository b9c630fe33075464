//! The daemon in this process, on a control database in a file: when it wakes, and what it shows of itself.

use std::path::Path;
use std::sync::Mutex;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reseal_control::{AlertKey, ControlDatabase, ControlSession};
use reseal_core::Notice;
use reseal_plan::Plan;

use super::*;

mod key_times;
mod versions;

/// Keeps what is posted: the slot, and when that was by the daemon's clock.
#[derive(Clone)]
struct Recorder {
    clock: Clock,
    posted: Arc<Mutex<Vec<(String, Timestamp)>>>,
}

#[async_trait]
impl Notices for Recorder {
    async fn post(&self, _: &mut ControlSession, _: &Plan, notice: &Notice) -> Result<(), StoreError> {
        self.posted.lock().unwrap().push((notice.slot.clone(), self.clock.now()));
        Ok(())
    }
}

/// Plans that lie in no file.
struct NoFiles;

impl PlanFiles for NoFiles {
    fn text(&self, _: &Path) -> Result<String, String> {
        Err("there is no file".into())
    }

    fn read(&self, _: &Path) -> Result<Served, String> {
        Err("there is no file".into())
    }
}

/// A control database in a folder of its own, and a plan's schedule.
struct World {
    folder: tempfile::TempDir,
    schedule: &'static str,
    posted: Arc<Mutex<Vec<(String, Timestamp)>>>,
}

impl World {
    fn new(schedule: &'static str) -> World {
        // In memory where there is such a folder: months of ticks write often.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        World { folder: folder.unwrap(), schedule, posted: Arc::default() }
    }

    fn control(&self) -> ControlDatabase {
        ControlDatabase::parse(&format!("sqlite://{}/control.db?mode=rwc", self.folder.path().display()))
            .unwrap()
    }

    fn setup(&self, clock: Clock) -> Setup {
        let plan = include_str!("../../../rotation-plans/fernet.yaml");
        let text = format!("{plan}\nschedule: {}\n", self.schedule);
        let plan = reseal_plan::parse(
            reseal_plan::PlanFile::named("plan.yaml"),
            &text,
            &reseal_registry::vocabulary(),
        )
        .unwrap();
        let schedule = plan.schedule.clone().unwrap();
        let served = Served { path: "plan.yaml".into(), text, is_file: false, plan, schedule, on: true };
        Setup {
            plans: Plans::new(vec![served]),
            files: Arc::new(NoFiles),
            control: self.control(),
            clock,
            program: "true".into(),
            arguments: Vec::new(),
            notices: Arc::new(Recorder { clock, posted: self.posted.clone() }),
            listen: None,
        }
    }

    async fn daemon(&self, clock: Clock) -> Daemon {
        let setup = self.setup(clock);
        let mut control = setup.control.connect().await.unwrap();
        control.migrate().await.unwrap();
        Daemon::new(Arc::new(State::new(setup)), control)
    }

    fn slots(&self) -> Vec<String> {
        self.posted.lock().unwrap().iter().map(|(slot, _)| slot.clone()).collect()
    }
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

/// A clock that shows a time from now on.
fn showing(time: &str) -> Clock {
    Clock::Simulated { from: at(time), since: Timestamp::now(), speed: 1 }
}

/// Watches that `reseal-schedule` gives the instants: a scheduler with one offset for the year would be an hour off.
#[tokio::test]
async fn a_wake_up_is_armed_again_when_the_clock_skips_an_hour_and_when_it_repeats_one() {
    let spring = [
        ("2026-03-28T23:59:00Z", "2026-03-29T01:00:00Z", None),
        ("2026-03-29T01:00:01Z", "2026-03-30T00:30:00Z", Some("2026-03-29T01:00:00Z")),
    ];
    let autumn = [
        ("2026-10-24T23:59:00Z", "2026-10-25T00:30:00Z", None),
        ("2026-10-25T00:30:01Z", "2026-10-26T01:30:00Z", Some("2026-10-25T00:30:00Z")),
        ("2026-10-25T01:30:01Z", "2026-10-26T01:30:00Z", None),
    ];
    for times in [&spring[..], &autumn] {
        let world = World::new("{ zone: Europe/Berlin, night: { cron: \"30 2 * * *\", do: { remind: x } } }");
        for (time, armed, fired) in times {
            let clock = showing(time);
            let mut daemon = world.daemon(clock).await;
            world.posted.lock().unwrap().clear();
            daemon.tick(&Stopper::default()).await;
            assert_eq!(daemon.wake_ups.armed(), [clock.machine_time(at(armed)).as_second()], "at {time}");
            assert_eq!(world.slots().first().map(String::as_str), *fired, "at {time}");
        }
    }
}

/// Watches the wake-up: without it, the reminder comes when the longest interval is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_firing_happens_within_a_second_of_its_instant() {
    let firings = [0, 300, 500, 800].map(|fraction_ms| async move {
        let world = World::new("{ zone: UTC, minutely: { cron: \"* * * * *\", do: { remind: x } } }");
        let since = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let since = since - SignedDuration::from_millis(fraction_ms);
        let clock = Clock::Simulated { from: at("2026-01-01T00:00:56Z"), since, speed: 1 };
        let mut daemon = world.daemon(clock).await;
        let _ = tokio::time::timeout(
            Duration::from_secs(6),
            daemon.run(&Stopper::default(), signal(SignalKind::hangup()).unwrap()),
        )
        .await;
        let posted = world.posted.lock().unwrap().clone();
        let [(slot, fired)] = &posted[..] else { panic!("not one firing: {posted:?}") };
        let late = fired.duration_since(at(slot));
        assert!(late >= SignedDuration::ZERO && late < SignedDuration::from_secs(1), "{late} after {slot}");
    });
    futures::future::join_all(firings).await;
}

/// Watches the longest interval, which needs no wake-up, and the claim.
#[tokio::test]
async fn a_clock_that_steps_loses_no_firing_and_repeats_none() {
    let world = World::new("{ zone: UTC, hourly: { cron: \"0 * * * *\", misfire: all, do: { remind: x } } }");
    let mut daemon = world.daemon(showing("2026-01-01T09:50:00Z")).await;
    let stop = Stopper::default();
    let step = |daemon: &mut Daemon, time: &str| {
        daemon.state = Arc::new(State::new(world.setup(showing(time))));
    };
    for (time, fired) in [
        ("2026-01-01T09:50:00Z", &[][..]),
        ("2026-01-01T12:10:00Z", &["10", "11", "12"]),
        ("2026-01-01T10:55:00Z", &["10", "11", "12"]),
        ("2026-01-01T12:05:00Z", &["10", "11", "12"]),
        ("2026-01-01T13:00:00Z", &["10", "11", "12", "13"]),
    ] {
        step(&mut daemon, time);
        assert!(daemon.tick(&stop).await <= LONGEST, "the next tick comes without a wake-up");
        let hours: Vec<String> = world.slots().iter().map(|slot| slot[11..13].to_owned()).collect();
        assert_eq!(hours, fired, "at {time}");
    }
}

/// What monitoring asks for by name must not change: neither names nor labels, nor what stands behind them.
#[tokio::test]
async fn metrics_are_as_dashboards_know_them() {
    let world = World::new(
        "{ zone: UTC, review: { cron: \"0 9 * * *\", do: { remind: x } }, count: { cron: \"0 9 * * *\", do: census } }",
    );
    let mut daemon = world.daemon(showing("2026-01-01T08:00:00Z")).await;
    daemon.tick(&Stopper::default()).await;
    let mut control = world.control().connect().await.unwrap();
    control.pause_schedule("fernet", "count", "ops").await.unwrap();
    control.raise_alert(&AlertKey { plan: "fernet", kind: "disk", cause: "disk" }, 0).await.unwrap();
    let letter = reseal_control::NewLetter {
        id: "1".into(),
        kind: "disk".into(),
        plan: "fernet".into(),
        subject: "disk".into(),
        slot: "1".into(),
        via: "mail".into(),
        address: None,
        fields: "{}".into(),
        resolved: false,
        posted_at: 0,
    };
    control.post_letters(&[letter]).await.unwrap();
    let setup = world.setup(showing("2026-01-01T09:00:01Z"));
    tick::tick(&State::new(setup), &mut control).await.unwrap();
    let text = metrics::text(&daemon.state).await;
    let kept = text.lines().filter(|line| !line.starts_with("process_resident_memory_bytes "));
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    assert_eq!(text, include_str!("metrics.golden"));
}
