//! Rotations that count from their key, as the daemon's ticks see them.

use reseal_control::{FiringState, NewKey, NewMove, Since};
use reseal_core::KeyState;

use super::*;
use crate::metrics;
use crate::tick::tick;

/// A daemon whose ticks the test makes, and whose work ends at once.
struct Ticks {
    world: World,
    control: ControlSession,
}

impl Ticks {
    async fn new() -> Ticks {
        let world = World::new("{ zone: UTC, rotate: { every: 90d, do: run } }");
        let mut control = world.control().connect().await.unwrap();
        control.migrate().await.unwrap();
        Ticks { world, control }
    }

    fn state(&self, time: &str) -> State {
        State::new(self.world.setup(showing(time)))
    }

    /// The slots that a tick begins.
    async fn at(&mut self, time: &str) -> Vec<String> {
        let state = self.state(time);
        let begun = tick(&state, &mut self.control).await.unwrap().begun;
        for task in &begun {
            assert!(self.control.end_firing(&task.firing, task.epoch, FiringState::Done, "").await.unwrap());
        }
        let slot = |ms: i64| Timestamp::from_millisecond(ms).unwrap().to_string();
        begun.iter().map(|task| slot(task.firing.slot)).collect()
    }

    /// Makes a key active at a time.
    async fn active(&mut self, id: &str, since: &str) {
        let key = NewKey {
            id: id.into(),
            plan: "fernet".into(),
            keyset: "app".into(),
            key_id: id.into(),
            generation: 0,
            method: "sha256".into(),
            salt: String::new(),
            fingerprint: id.into(),
            generated: false,
        };
        assert!(self.control.catalogue(&key).await.unwrap());
        let since = Since::At(at(since).as_millisecond());
        let (from, to) = (KeyState::Created, KeyState::Active);
        let step = NewMove { from, to, operator: "ops", reason: "by hand", since };
        assert!(self.control.move_key(id, &step).await.unwrap());
    }
}

/// Watches that what is idle is not noted as settled where that is all that a job can count from, and that a key which
/// becomes known counts at once.
#[tokio::test]
async fn a_rotation_counts_from_when_it_was_first_seen_until_its_key_is_known() {
    let mut ticks = Ticks::new().await;
    for (time, begun) in [
        ("2026-01-01T00:00:00Z", None),
        ("2026-01-02T12:00:00Z", None),
        ("2026-02-20T12:00:00Z", None),
        ("2026-03-31T23:59:00Z", None),
        ("2026-04-01T00:00:01Z", Some("2026-04-01T00:00:00Z")),
        ("2026-05-15T00:00:00Z", None),
        ("2026-06-30T00:00:01Z", Some("2026-06-30T00:00:00Z")),
    ] {
        assert_eq!(ticks.at(time).await.first().map(String::as_str), begun, "at {time}");
    }
    ticks.active("v2", "2026-06-30T12:00:00Z").await;
    for (time, begun) in [
        ("2026-09-28T00:00:01Z", None),
        ("2026-09-28T12:00:01Z", Some("2026-09-28T12:00:00Z")),
        ("2026-09-28T12:00:02Z", None),
    ] {
        assert_eq!(ticks.at(time).await.first().map(String::as_str), begun, "at {time}");
    }
}

/// Watches that what a daemon shows of itself is what it will fire, also where it counts from when it saw the job.
#[tokio::test]
async fn pages_and_metrics_show_when_a_key_comes_of_age() {
    let mut ticks = Ticks::new().await;
    ticks.at("2026-01-01T00:00:00Z").await;
    let shown = async |ticks: &Ticks| {
        let state = ticks.state("2026-01-11T00:00:00Z");
        let metrics = metrics::text(&state).await;
        let line = "reseal_schedule_next_timestamp_seconds{plan=\"fernet\",job=\"rotate\"} ";
        let next = metrics.split_once(line).unwrap().1.lines().next().unwrap().to_owned();
        (next, page::html(&state).await)
    };
    let (next, page) = shown(&ticks).await;
    assert_eq!(next, at("2026-04-01T00:00:00Z").as_second().to_string());
    assert!(page.contains("Wed 2026-04-01 00:00 UTC"), "{page}");
    ticks.active("v2", "2026-01-10T08:00:00Z").await;
    let (next, page) = shown(&ticks).await;
    assert_eq!(next, at("2026-04-10T08:00:00Z").as_second().to_string());
    assert!(page.contains("Fri 2026-04-10 08:00 UTC"), "{page}");
}
