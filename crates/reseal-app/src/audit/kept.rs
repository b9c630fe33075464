//! Which events stay in the control database when those of their time are archived: what commands, the daemon and reports
//! still read of the past. Pure.

use std::collections::{BTreeMap, BTreeSet};

use reseal_core::audit::{Entry, EventKind};

/// What stays whatever comes after it: since when a key is in use, what began a run, and by which approval.
const LASTING: [EventKind; 7] = [
    EventKind::KeyGenerated,
    EventKind::KeyStateChanged,
    EventKind::KeyDated,
    EventKind::KeyDestroyed,
    EventKind::PinForgotten,
    EventKind::RunStarted,
    EventKind::RollbackStarted,
];

/// How a run is over.
const ENDS: [EventKind; 3] = [EventKind::RunFinished, EventKind::RunCancelled, EventKind::RunRolledBack];

/// The numbers of the events that stay, in order.
pub(super) fn kept(events: &[Entry]) -> BTreeSet<u64> {
    let lasting = events.iter().filter(|entry| LASTING.contains(&entry.event.kind));
    let mut kept: BTreeSet<u64> = lasting.map(|entry| entry.sequence).collect();
    kept.extend(latest(events));
    kept.extend(of_open_runs(events));
    kept.extend(first_of_keys(events));
    kept
}

/// The latest event of each kind: of each plan, and of each run where it is about one that ended so.
fn latest(events: &[Entry]) -> impl Iterator<Item = u64> {
    let mut latest: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for entry in events {
        let (event, sequence) = (&entry.event, entry.sequence);
        latest.insert((&event.plan, event.kind.name(), ""), sequence);
        if ENDS.contains(&event.kind) {
            latest.insert((&event.plan, event.kind.name(), &event.run_id), sequence);
        }
    }
    latest.into_values().collect::<Vec<_>>().into_iter()
}

/// All that runs went through which are not over.
fn of_open_runs(events: &[Entry]) -> impl Iterator<Item = u64> {
    let of_runs = || events.iter().filter(|entry| EventKind::OF_RUNS.contains(&entry.event.kind));
    let mut last: BTreeMap<&str, EventKind> = BTreeMap::new();
    for entry in of_runs() {
        last.insert(&entry.event.run_id, entry.event.kind);
    }
    let is_open = |entry: &&Entry| last.get(&*entry.event.run_id).is_some_and(|kind| !ENDS.contains(kind));
    of_runs().filter(is_open).map(|entry| entry.sequence).collect::<Vec<_>>().into_iter()
}

/// The first event that names a key with a fingerprint.
fn first_of_keys(events: &[Entry]) -> impl Iterator<Item = u64> {
    let mut named = BTreeSet::new();
    let mut first = Vec::new();
    for entry in events {
        for key in &entry.event.keys {
            if named.insert((&entry.event.plan, &key.keyset, &key.key, &key.digest)) {
                first.push(entry.sequence);
            }
        }
    }
    first.into_iter()
}

#[cfg(test)]
mod tests {
    use reseal_core::audit::{Event, TrailHead};

    use super::*;

    fn trail(events: Vec<Event>) -> Vec<Entry> {
        let mut at = TrailHead::START;
        let entry = |event: Event| {
            at = at.after(&event);
            Entry { sequence: at.sequence, event, head: at.head }
        };
        events.into_iter().map(entry).collect()
    }

    fn of(kind: EventKind, run: &str) -> Event {
        Event::new(kind, 0, "ada", "db1").of_plan("clinic", "").of_run(run)
    }

    fn check(events: Vec<Event>, expect: &[u64]) {
        let found: Vec<u64> = kept(&trail(events)).into_iter().collect();
        assert_eq!(found, expect);
    }

    /// Watches each rule by itself.
    #[test]
    fn what_somebody_still_reads_stays() {
        use EventKind::*;
        check(vec![], &[]);
        // A run that is over: its beginning and its end, and the latest pause of the plan.
        let over = [RunStarted, RunPaused, RunResumed, RunPaused, RunResumed, RunFinished];
        check(over.map(|kind| of(kind, "r1")).into(), &[1, 4, 5, 6]);
        let mut two = over.map(|kind| of(kind, "r1")).to_vec();
        two.extend(over.map(|kind| of(kind, "r2")));
        check(two, &[1, 6, 7, 10, 11, 12]);
        // One that is not over keeps all that it went through.
        let open = [RunStarted, RunPaused, RunResumed, RunPaused];
        check(open.map(|kind| of(kind, "r1")).into(), &[1, 2, 3, 4]);
        let rolled = [RunStarted, RunFinished, RollbackStarted];
        check(rolled.map(|kind| of(kind, "r1")).into(), &[1, 2, 3]);
        // Of what repeats, the latest of each plan.
        let repeated = [Census, ScheduleFired, Census, ScheduleFired, ScheduleFired];
        check(repeated.map(|kind| of(kind, "")).into(), &[3, 5]);
        let mut other = of(Census, "");
        other.plan = "hospital".to_owned();
        check(vec![of(Census, ""), other, of(Census, "")], &[2, 3]);
        // What is known of keys.
        let key = |kind, digest: &str| of(kind, "").of_key("phi", "v1", digest);
        check(
            vec![
                key(KeyGenerated, "a"),
                key(KeyBackedUp, "a"),
                key(KeyBackedUp, "a"),
                key(RestoreTested, "b"),
                key(RestoreTested, "b"),
                key(KeyStateChanged, "a"),
                key(KeyStateChanged, "a"),
                key(KeyDestroyed, "a"),
            ],
            &[1, 3, 4, 5, 6, 7, 8],
        );
    }
}
