//! The people behind the events of a time: who agreed, by which key, and who handled keys.

use reseal_core::audit::{Entry, Event, EventKind};
use serde::Serialize;

use super::history::Run;

/// Somebody who agreed to runs, rollbacks or the destruction of keys, with one public key.
#[derive(Serialize)]
pub(super) struct Signatory {
    name: String,
    /// Ed25519, base64; none in events of earlier versions.
    public_key: Option<String>,
    /// How many agreements the trail has of them.
    agreements: u64,
    /// How many runs of the time they count for.
    runs: u64,
    first: i64,
    last: i64,
}

/// Somebody who made, moved, dated, copied or destroyed keys: by the trail, a custodian of theirs.
#[derive(Serialize)]
pub(super) struct Keeper {
    operator: String,
    /// The hosts on which they did it.
    hosts: Vec<String>,
    /// What they did, each with how often.
    deeds: Vec<Deed>,
    first: i64,
    last: i64,
}

#[derive(Serialize)]
struct Deed {
    kind: &'static str,
    count: u64,
}

/// Who agreed, in the order in which they first did.
pub(super) fn approvers(events: &[&Entry], runs: &[&Run]) -> Vec<Signatory> {
    let mut out: Vec<Signatory> = Vec::new();
    for entry in events.iter().filter(|entry| entry.event.kind == EventKind::ApprovalGiven) {
        let event = &entry.event;
        let name = event.text("approver").unwrap_or(&event.operator);
        let key = event.text("approver_key");
        let is_it = |known: &&mut Signatory| known.name == name && known.public_key.as_deref() == key;
        match out.iter_mut().find(is_it) {
            Some(known) => (known.agreements, known.last) = (known.agreements + 1, event.time_ms),
            None => out.push(Signatory {
                name: name.to_owned(),
                public_key: key.map(str::to_owned),
                agreements: 1,
                runs: runs.iter().filter(|run| agreed_to(run, name, key)).count() as u64,
                first: event.time_ms,
                last: event.time_ms,
            }),
        }
    }
    out
}

fn agreed_to(run: &Run, name: &str, key: Option<&str>) -> bool {
    run.approvers.iter().any(|approver| approver.name == name && approver.public_key.as_deref() == key)
}

/// Who handled keys, in the order in which they first did.
pub(super) fn custodians(events: &[&Entry]) -> Vec<Keeper> {
    let mut out: Vec<Keeper> = Vec::new();
    for event in events.iter().map(|entry| &entry.event).filter(|event| is_of_keys(event)) {
        let at = out.iter().position(|keeper| keeper.operator == event.operator).unwrap_or_else(|| {
            let operator = event.operator.clone();
            let (first, last) = (event.time_ms, event.time_ms);
            out.push(Keeper { operator, hosts: Vec::new(), deeds: Vec::new(), first, last });
            out.len() - 1
        });
        out[at].take(event);
    }
    out
}

fn is_of_keys(event: &Event) -> bool {
    matches!(
        event.kind,
        EventKind::KeyGenerated
            | EventKind::KeyStateChanged
            | EventKind::KeyDated
            | EventKind::KeyDestroyed
            | EventKind::KeyBackedUp
            | EventKind::RestoreTested
            | EventKind::PinForgotten
    )
}

impl Keeper {
    fn take(&mut self, event: &Event) {
        self.last = event.time_ms;
        if !self.hosts.contains(&event.host) {
            self.hosts.push(event.host.clone());
        }
        let kind = event.kind.name();
        match self.deeds.iter_mut().find(|deed| deed.kind == kind) {
            Some(deed) => deed.count += 1,
            None => self.deeds.push(Deed { kind, count: 1 }),
        }
    }
}
