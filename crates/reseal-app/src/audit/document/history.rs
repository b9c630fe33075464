//! What the trail says of keys and runs, put together from its events.

use reseal_core::audit::{Detail, Entry, Event, EventKind};
use serde::Serialize;

use super::fields::{Database, Field};

/// A key as the trail knows it. Times are milliseconds since 1970.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Key {
    pub(super) plan: String,
    pub(super) keyset: String,
    pub(super) key: String,
    pub(super) fingerprint: String,
    /// When the trail first names it.
    pub(super) seen: i64,
    /// Since when it seals or may seal, and how the trail knows; none for a key that is older than the trail.
    pub(super) since: Option<i64>,
    pub(super) since_by: Option<&'static str>,
    /// When a run that moved every cell off it ended.
    pub(super) replaced: Option<i64>,
    /// The state that the catalogue gave it last.
    pub(super) state: Option<String>,
    /// Its fingerprint in the catalogue, which tells keys apart that bear one id after the other. That of a run's ledger
    /// has a salt of its own.
    #[serde(skip)]
    catalogued: Option<String>,
    /// Of the keys with its id, the one that was made active last has the highest.
    #[serde(skip)]
    turn: usize,
    /// Algorithms and key lengths that it seals with, by the runs that used it.
    pub(super) algorithms: Vec<String>,
    /// The most that the policy let it age when it was replaced, in days; the outer `None` where that was not noted.
    #[serde(skip)]
    pub(super) limit: Option<Option<u64>>,
}

/// Somebody whose agreement counted when a run began.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Approver {
    pub(super) name: String,
    /// The key that they signed with, base64; none where an earlier version recorded the run.
    pub(super) public_key: Option<String>,
}

/// A run as the trail knows it.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Run {
    pub(super) run_id: String,
    pub(super) plan: String,
    pub(super) plan_digest: String,
    pub(super) operator: String,
    pub(super) host: String,
    pub(super) began: i64,
    pub(super) ended: Option<i64>,
    pub(super) resumed: u64,
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) emergency: bool,
    /// Keyset and key that it sealed with.
    pub(super) primaries: Vec<(String, String)>,
    /// Keyset and key that sealed before, where an earlier run in the trail tells.
    pub(super) before: Vec<(String, String)>,
    /// Which of the history's keys both are.
    #[serde(skip)]
    sealed_with: Vec<usize>,
    #[serde(skip)]
    pub(super) sealed_before: Vec<usize>,
    pub(super) cells_rotated: i64,
    pub(super) cells_current: i64,
    pub(super) cells_null: i64,
    pub(super) cells_quarantined: i64,
    pub(super) cells_old: i64,
    /// The most that the policy let a key age when it began, in days; the outer `None` where that was not noted.
    #[serde(skip)]
    pub(super) limit: Option<Option<u64>>,
    /// Who agreed to the request that it made use of.
    pub(super) approvals: Vec<String>,
    /// The same with the keys that they signed with.
    pub(super) approvers: Vec<Approver>,
    /// Whether it made use of a request.
    #[serde(skip)]
    pub(super) approved: bool,
    /// The database that it worked on; none where an earlier version recorded it.
    pub(super) database: Option<Database>,
    /// The fields that it worked on.
    pub(super) fields: Vec<Field>,
    /// The numbers of its first and last event.
    pub(super) events: (u64, u64),
}

/// Keys and runs, in the order in which the trail came to know them.
#[derive(Default)]
pub(super) struct History {
    pub(super) keys: Vec<Key>,
    pub(super) runs: Vec<Run>,
}

/// Whose agreement counted when a run began.
fn agreed(event: &Event) -> Vec<Approver> {
    let mut out: Vec<Approver> = Vec::new();
    for (name, value) in &event.fields {
        // A key stands behind the name that it is of.
        match (name.as_str(), value) {
            ("approved_by", Detail::Text(who)) => {
                out.push(Approver { name: who.clone(), public_key: None });
            }
            ("approver_key", Detail::Text(key)) => {
                out.last_mut().into_iter().for_each(|approver| approver.public_key = Some(key.clone()));
            }
            _ => {}
        }
    }
    out
}

impl History {
    /// Reads the whole trail: what a key is today was often settled before the time that is asked about.
    pub(super) fn read(entries: &[Entry]) -> History {
        let mut history = History::default();
        for entry in entries {
            history.note_keys(&entry.event);
            match entry.event.kind {
                EventKind::RunStarted => history.begin(entry),
                EventKind::RunResumed => history.resume(entry),
                EventKind::RunFinished
                | EventKind::RunPaused
                | EventKind::RunFailed
                | EventKind::RunCancelled
                | EventKind::RunRolledBack => history.end(entry),
                _ => {}
            }
        }
        history
    }

    /// Of the keys with an id, the one that was made active last.
    fn latest(&self, event: &Event, keyset: &str, id: &str) -> Option<usize> {
        let bears = |key: &Key| (&*key.plan, &*key.keyset, &*key.key) == (&*event.plan, keyset, id);
        let found = self.keys.iter().enumerate().filter(|(_, key)| bears(key));
        found.max_by_key(|(at, key)| (key.turn, *at)).map(|(at, _)| at)
    }

    /// Where a key is, which is entered if the trail names it for the first time. Under an id that moves from key to key
    /// (`roles`), the fingerprint tells which it is.
    fn at(&mut self, event: &Event, keyset: &str, id: &str, digest: &str) -> usize {
        let of_catalogue =
            matches!(event.kind, EventKind::KeyStateChanged | EventKind::KeyDated) && !digest.is_empty();
        let known = self.keys.iter().position(|key| {
            !digest.is_empty()
                && (&*key.plan, &*key.keyset) == (&*event.plan, keyset)
                && key.catalogued.as_deref() == Some(digest)
        });
        // A key that was made just now is none that has been in use.
        let another = |at: &usize| {
            (of_catalogue || event.kind == EventKind::KeyGenerated) && self.keys[*at].catalogued.is_some()
        };
        let at = known.or_else(|| self.latest(event, keyset, id).filter(|at| !another(at)));
        let at = at.unwrap_or_else(|| {
            self.keys.push(Key {
                plan: event.plan.clone(),
                keyset: keyset.to_owned(),
                key: id.to_owned(),
                fingerprint: String::new(),
                seen: event.time_ms,
                since: None,
                since_by: None,
                replaced: None,
                state: None,
                catalogued: None,
                turn: 0,
                algorithms: Vec::new(),
                limit: None,
            });
            self.keys.len() - 1
        });
        if of_catalogue {
            self.keys[at].catalogued = Some(digest.to_owned());
        }
        at
    }

    fn note_keys(&mut self, event: &Event) {
        for print in &event.keys {
            let at = self.at(event, &print.keyset, &print.key, &print.digest);
            let turn = self.keys.iter().map(|key| key.turn).max().unwrap_or_default() + 1;
            let key = &mut self.keys[at];
            if !print.digest.is_empty() {
                key.fingerprint.clone_from(&print.digest);
            }
            match event.kind {
                EventKind::KeyGenerated => {
                    key.since.get_or_insert(event.time_ms);
                    key.since_by.get_or_insert("generated");
                }
                // Whatever is entered later, a key is as old as anybody ever said.
                EventKind::KeyDated => {
                    let dates = ["before_ms", "after_ms"].into_iter().filter_map(|name| event.integer(name));
                    if let Some(earliest) = dates.min().filter(|at| key.since.is_none_or(|since| *at < since))
                    {
                        (key.since, key.since_by) = (Some(earliest), Some("entered by an operator"));
                    }
                }
                EventKind::KeyStateChanged => {
                    key.state = event.text("to").map(str::to_owned);
                    if key.state.as_deref() == Some("active") {
                        key.turn = turn;
                    }
                }
                _ => {}
            }
        }
        if event.kind == EventKind::RunStarted {
            for (keyset, primary) in primaries(event) {
                let at = self.at(event, &keyset, &primary, "");
                let key = &mut self.keys[at];
                if key.since.is_none() {
                    (key.since, key.since_by) = (Some(event.time_ms), Some("first run that used it"));
                }
            }
        }
    }

    fn begin(&mut self, entry: &Entry) {
        let event = &entry.event;
        let primaries = primaries(event);
        let sealed_with: Vec<usize> =
            primaries.iter().filter_map(|(keyset, id)| self.latest(event, keyset, id)).collect();
        let last = self.runs.iter().rev().find(|run| run.plan == event.plan && run.is_done());
        let before = last.map(|last| last.sealed_with.clone()).unwrap_or_default();
        let sealed_before: Vec<usize> = before.into_iter().filter(|old| !sealed_with.contains(old)).collect();
        let named = |at: &usize| (self.keys[*at].keyset.clone(), self.keys[*at].key.clone());
        let before = sealed_before.iter().map(named).collect();
        let (fields, approvers) = (Field::all_of(event), agreed(event));
        self.note_algorithms(&sealed_with, &fields);
        self.runs.push(Run {
            run_id: event.run_id.clone(),
            plan: event.plan.clone(),
            plan_digest: event.plan_digest.clone(),
            operator: event.operator.clone(),
            host: event.host.clone(),
            began: event.time_ms,
            state: "running".to_owned(),
            emergency: event.integer("emergency") == Some(1),
            primaries,
            before,
            sealed_with,
            sealed_before,
            limit: limit(event),
            approvals: approvers.iter().map(|approver| approver.name.clone()).collect(),
            approvers,
            approved: event.text("approval").is_some(),
            database: Database::of(event),
            fields,
            events: (entry.sequence, entry.sequence),
            ..Run::default()
        });
    }

    /// Notes with each key of a run by what its keyset's fields are sealed.
    fn note_algorithms(&mut self, sealed_with: &[usize], fields: &[Field]) {
        for at in sealed_with {
            let key = &mut self.keys[*at];
            for field in fields.iter().filter(|field| field.keyset() == key.keyset) {
                let algorithm = field.algorithm();
                if !key.algorithms.contains(&algorithm) {
                    key.algorithms.push(algorithm);
                }
            }
        }
    }

    fn resume(&mut self, entry: &Entry) {
        if !self.runs.iter().any(|run| run.run_id == entry.event.run_id) {
            self.begin(entry);
        }
        let id = &entry.event.run_id;
        if let Some(run) = self.runs.iter_mut().rev().find(|run| run.run_id == *id) {
            run.resumed += 1;
            run.events.1 = entry.sequence;
            (run.ended, run.state, run.reason) = (None, "running".to_owned(), String::new());
        }
    }

    fn end(&mut self, entry: &Entry) {
        let event = &entry.event;
        let Some(run) = self.runs.iter_mut().rev().find(|run| run.run_id == event.run_id) else { return };
        let count = |name: &str| event.integer(name).unwrap_or_default();
        run.ended = Some(event.integer("ended_ms").unwrap_or(event.time_ms));
        run.state = event.text("state").unwrap_or_else(|| fallback(event.kind)).to_owned();
        run.reason = event.text("reason").unwrap_or_default().to_owned();
        run.events.1 = entry.sequence;
        // A rollback counts what it put back, which is not what the run moved.
        if event.kind != EventKind::RunRolledBack && event.integer("cells_rotated").is_some() {
            run.cells_rotated = count("cells_rotated");
            run.cells_current = count("cells_current");
            run.cells_null = count("cells_null");
            run.cells_quarantined = count("cells_quarantined");
            run.cells_old = count("cells_old");
        }
        let run = run.clone();
        self.replace(&run);
    }

    /// A run of the whole plan that is complete has moved every cell off the keys before its own; one that was rolled
    /// back has not.
    fn replace(&mut self, run: &Run) {
        let rotated = |key: &Key| run.primaries.iter().any(|(keyset, _)| *keyset == key.keyset);
        let keys = self.keys.iter_mut().enumerate();
        for (at, key) in keys.filter(|(_, key)| key.plan == run.plan && rotated(key)) {
            if run.sealed_with.contains(&at) {
                (key.replaced, key.limit) = (None, None);
            } else if run.state == "complete" && key.seen <= run.began {
                if key.replaced.is_none() {
                    (key.replaced, key.limit) = (run.ended, run.limit);
                }
            } else if run.state == "rolled_back" && key.replaced.is_some_and(|at| at >= run.began) {
                (key.replaced, key.limit) = (None, None);
            }
        }
    }
}

impl Run {
    pub(super) fn is_done(&self) -> bool {
        matches!(self.state.as_str(), "complete" | "scope_done")
    }
}

fn fallback(kind: EventKind) -> &'static str {
    match kind {
        EventKind::RunPaused => "paused",
        EventKind::RunCancelled => "cancelled",
        EventKind::RunRolledBack => "rolled_back",
        _ => "failed",
    }
}

/// The limit of key ages that an event of a run's beginning names.
fn limit(event: &Event) -> Option<Option<u64>> {
    const NAME: &str = "max_key_age_seconds";
    let seconds = event.integer(NAME).and_then(|seconds| u64::try_from(seconds).ok());
    match seconds {
        Some(seconds) => Some(Some(seconds / 86_400)),
        None => event.text(NAME).map(|_| None),
    }
}

/// The primaries that an event names in fields `primary.KEYSET`.
fn primaries(event: &Event) -> Vec<(String, String)> {
    let named = event.fields.iter().filter_map(|(name, value)| match value {
        Detail::Text(key) => Some((name.strip_prefix("primary.")?.to_owned(), key.clone())),
        Detail::Integer(_) => None,
    });
    named.collect()
}
