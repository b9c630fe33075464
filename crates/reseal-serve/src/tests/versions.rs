//! Two daemons with two versions of a plan on one control database, as during a deployment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan as _;
use reseal_control::{Firing, FiringState};
use reseal_core::NoticeKind;
use reseal_schedule::Calendar;

use super::*;
use crate::tick::{Task, tick};

/// The times of `look` and `count` differ, `count` does other work, `same` is the same, and `only` is in one of them.
const VERSIONS: [&str; 2] = [
    "{ zone: Europe/Berlin, look: { cron: \"0 2 * * *\", misfire: all, do: { remind: x } }, \
       count: { cron: \"30 2 * * *\", misfire: all, do: census }, \
       same: { cron: \"15 */6 * * *\", misfire: all, do: verify }, \
       only: { every: 12h, misfire: all, do: census } }",
    "{ zone: Europe/Berlin, look: { cron: \"0 3 * * *\", misfire: all, do: { remind: x } }, \
       count: { cron: \"30 2,14 * * *\", misfire: all, do: verify }, \
       same: { cron: \"15 */6 * * *\", misfire: all, do: verify } }",
];
const DAYS: i64 = 100;
/// The jobs, and which versions have them.
const JOBS: [(&str, &[usize]); 4] =
    [("look", &[0, 1]), ("count", &[0, 1]), ("same", &[0, 1]), ("only", &[0])];

/// What was posted: kind, subject and slot.
type Posted = Arc<Mutex<Vec<(NoticeKind, String, String)>>>;

struct Kept(Posted);

#[async_trait]
impl Notices for Kept {
    async fn post(&self, _: &mut ControlSession, _: &Plan, notice: &Notice) -> Result<(), StoreError> {
        let Notice { kind, subject, slot, .. } = notice;
        self.0.lock().unwrap().push((*kind, subject.clone(), slot.clone()));
        Ok(())
    }
}

/// A daemon whose ticks the test makes, and whose work ends when the test says so.
struct Fake {
    version: usize,
    down_until: Timestamp,
    held: Vec<Task>,
}

struct Deployment {
    world: World,
    plans: [Plans; 2],
    control: ControlSession,
    posted: Posted,
    /// What each version calls the work of its jobs.
    works: [BTreeMap<String, String>; 2],
    random: u64,
}

impl Deployment {
    async fn new() -> Deployment {
        let plans = VERSIONS.map(|version| World::new(version).setup(Clock::System).plans);
        let world = World::new(VERSIONS[0]);
        let mut control = world.control().connect().await.unwrap();
        control.migrate().await.unwrap();
        let works = plans.clone().map(|plans| {
            let served = plans.at(0).unwrap();
            let work = |job: &reseal_plan::JobSpec| {
                (job.name.clone(), reseal_schedule::work(&served.plan.digest, job))
            };
            served.schedule.jobs.iter().map(work).collect()
        });
        Deployment { world, plans, control, posted: Arc::default(), works, random: 7 }
    }

    fn chance(&mut self, of: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % of
    }

    /// A tick of a daemon with a version, as if it had just been started.
    async fn tick(&mut self, version: usize, now: Timestamp) -> Vec<Task> {
        let clock = Clock::Simulated { from: now, since: Timestamp::now(), speed: 1 };
        let setup = Setup {
            plans: self.plans[version].clone(),
            files: Arc::new(NoFiles),
            control: self.world.control(),
            clock,
            program: "true".into(),
            arguments: Vec::new(),
            notices: Arc::new(Kept(self.posted.clone())),
            listen: None,
        };
        tick(&State::new(setup), &mut self.control).await.unwrap().begun
    }

    async fn end(&mut self, version: usize, task: &Task) {
        let said = format!("by version {version}");
        let ended =
            self.control.end_firing(&task.firing, task.epoch, FiringState::Done, &said).await.unwrap();
        assert!(ended, "{} of {} was ended by another", task.job.name, task.firing.slot);
    }

    /// What a daemon that is killed leaves: leases that ran out.
    async fn leave(&mut self, held: Vec<Task>) {
        for task in held {
            assert!(
                self.control.renew_firing(&task.firing, task.epoch, -1).await.unwrap(),
                "it was taken away"
            );
        }
    }

    fn slots(&self, version: usize, job: &str, from: Timestamp, until: Timestamp) -> BTreeSet<i64> {
        let served = self.plans[version].at(0).unwrap();
        let job = served.schedule.jobs.iter().find(|other| other.name == job).unwrap();
        let slots = reseal_schedule::slots(&job.timing, Calendar::without_key(&served.schedule.zone), from);
        slots.take_while(|slot| *slot <= until).map(Timestamp::as_millisecond).collect()
    }

    async fn firings(&mut self) -> Vec<Firing> {
        self.control.firings("fernet", 100_000).await.unwrap()
    }

    /// One hour of a daemon: it ticks, ends some of its work, and is killed now and then.
    async fn hour(&mut self, daemon: &mut Fake, now: Timestamp) {
        if now < daemon.down_until {
            return;
        }
        for task in self.tick(daemon.version, now).await {
            let work = &self.works[daemon.version][&task.job.name];
            assert_eq!(task.firing.work.as_ref(), Some(work), "{}: begun by another version", task.job.name);
            daemon.held.push(task);
        }
        for task in std::mem::take(&mut daemon.held) {
            match self.chance(3) {
                0 => daemon.held.push(task),
                _ => self.end(daemon.version, &task).await,
            }
        }
        if self.chance(12) == 0 {
            let held = std::mem::take(&mut daemon.held);
            self.leave(held).await;
            daemon.down_until = now + i64::try_from(1 + self.chance(20)).unwrap().hours();
        }
    }
}

/// Watches a row of its own for the times of each version, that one leaves alone what the other began, and that work which
/// lies does not keep the other's slots waiting.
#[tokio::test]
async fn two_versions_fire_each_slot_once_for_a_hundred_days() {
    let mut all = Deployment::new().await;
    let (start, mut now) = (at("2026-02-01T00:10:00Z"), at("2026-02-01T00:10:00Z"));
    let end = start + SignedDuration::from_hours(24 * DAYS);
    let mut daemons = [0, 1].map(|version| Fake { version, down_until: now, held: Vec::new() });
    // Both have seen their jobs before anything is due.
    all.tick(0, now).await;
    all.tick(1, now).await;
    while now < end {
        for daemon in &mut daemons {
            all.hour(daemon, now).await;
        }
        let passed = now.duration_since(start).as_hours();
        if passed % 240 == 239 {
            // The way back: each gets what the other had.
            for daemon in &mut daemons {
                let held = std::mem::take(&mut daemon.held);
                all.leave(held).await;
                daemon.version = 1 - daemon.version;
            }
        }
        now += SignedDuration::from_hours(1);
    }
    // Two more days without kills: what waits is caught up.
    for hour in 0..48 {
        for daemon in &mut daemons {
            daemon.held.extend(all.tick(daemon.version, now + SignedDuration::from_hours(hour)).await);
            for task in std::mem::take(&mut daemon.held) {
                all.end(daemon.version, &task).await;
            }
        }
    }
    all.check(start, end).await;
}

impl Deployment {
    /// Each slot of each version fired once, and was ended by a daemon that has it.
    async fn check(&mut self, start: Timestamp, end: Timestamp) {
        let firings = self.firings().await;
        for (job, versions) in JOBS {
            let of = |version: &usize| self.slots(*version, job, start, end);
            let expected: BTreeSet<i64> = versions.iter().flat_map(of).collect();
            let mine = firings.iter().filter(|firing| firing.job == job);
            let mine: Vec<_> = mine.filter(|firing| firing.slot <= end.as_millisecond()).collect();
            let fired: BTreeSet<i64> = mine.iter().map(|firing| firing.slot).collect();
            assert_eq!(fired, expected, "{job}");
            for firing in mine {
                let said = firing.outcome.as_deref().unwrap_or_default();
                let by = |version: &usize| {
                    said == format!("by version {version}") && of(version).contains(&firing.slot)
                };
                assert_eq!(firing.state, FiringState::Done, "{job} {}", firing.slot);
                assert!(said == "posted" || versions.iter().any(by), "{job} {}: {said}", firing.slot);
            }
        }
        let posted = self.posted.lock().unwrap().clone();
        let reminders: Vec<_> = posted.iter().filter(|(kind, ..)| *kind == NoticeKind::Remind).collect();
        let distinct: BTreeSet<_> = reminders.iter().map(|(.., slot)| slot).collect();
        assert_eq!(reminders.len(), distinct.len(), "a reminder went out twice");
        assert!(reminders.len() as i64 >= 2 * DAYS - 2, "{} reminders", reminders.len());
        let missed: Vec<_> = posted.iter().filter(|(kind, ..)| *kind == NoticeKind::DeadMan).collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
}

/// Watches that work in hand is nobody else's: it was ended by the daemon whose plan lacks its job, in the middle.
#[tokio::test]
async fn work_of_a_job_that_a_plan_lacks_is_ended_only_when_nobody_takes_it_up() {
    let mut all = Deployment::new().await;
    let start = at("2026-02-01T10:00:00Z");
    all.tick(0, start).await;
    all.tick(1, start).await;
    let due = at("2026-02-01T11:00:10Z");
    let mut begun = all.tick(0, due).await;
    begun.retain(|task| task.job.name == "only");
    assert_eq!(begun.len(), 1, "{begun:?}");
    let state = |firings: Vec<Firing>| firings.into_iter().find(|firing| firing.job == "only").unwrap().state;
    all.tick(1, due).await;
    assert_eq!(state(all.firings().await), FiringState::Claimed, "it is held");
    // Killed, and for less than a day nobody came.
    all.leave(begun.clone()).await;
    all.tick(1, at("2026-02-02T10:00:00Z")).await;
    assert_eq!(state(all.firings().await), FiringState::Claimed, "it is left to those who have it");
    // Stopped in good order, and then nobody came for a day.
    assert!(all.control.put_back(&begun[0].firing, begun[0].epoch, 0, "stopped").await.unwrap());
    all.tick(1, at("2026-02-02T10:59:00Z")).await;
    assert_eq!(state(all.firings().await), FiringState::Claimed);
    all.tick(1, at("2026-02-02T11:01:00Z")).await;
    assert_eq!(state(all.firings().await), FiringState::Failed);
    let posted = all.posted.lock().unwrap().clone();
    let told = posted.iter().filter(|(kind, subject, _)| *kind == NoticeKind::DeadMan && subject == "only");
    assert_eq!(told.count(), 1, "people hear of it: {posted:?}");
}

/// Watches the way out where a deployment left work behind: after a day a daemon with another version takes it over.
#[tokio::test]
async fn work_of_another_version_is_taken_over_once_it_is_abandoned() {
    let mut all = Deployment::new().await;
    let start = at("2026-02-01T00:10:00Z");
    all.tick(0, start).await;
    all.tick(1, start).await;
    let mut begun = all.tick(0, at("2026-02-01T01:30:10Z")).await;
    begun.retain(|task| task.job.name == "count");
    assert_eq!(begun.len(), 1, "{begun:?}");
    let Task { firing, epoch, .. } = &begun[0];
    assert!(all.control.put_back(firing, *epoch, 0, "stopped").await.unwrap());
    let takes = |tasks: Vec<Task>| {
        tasks.iter().any(|task| task.job.name == "count" && task.firing.slot == firing.slot)
    };
    assert!(!takes(all.tick(1, at("2026-02-02T01:29:00Z")).await), "others may still have its version");
    assert!(takes(all.tick(1, at("2026-02-02T01:31:00Z")).await));
}
