//! The rules that a run's keys must keep, checked when the run is asked for, and once more against the keys as the steps of
//! `before` left them: what those bring nobody could look at before.

use reseal_control::KeyRow;
use reseal_core::KeyState;
use reseal_core::quantity::{coarse, exact, millis};
use reseal_plan::{Plan, Policy, PrimarySpec};
use tracing::warn;

use crate::approvals;
use crate::catalogue::{self, CatalogueEntry};
use crate::error::{CustodyError, PolicyError};

/// What rules say of keys that they allow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowed {
    /// Rules that an emergency set aside.
    pub(crate) skipped: Vec<String>,
    /// Keys that are there since people agreed to the run, each as keyset, id and fingerprint.
    pub(crate) brought: Vec<String>,
}

/// The rules of one run, for its keys once the steps of `before` are done.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    plan: String,
    policy: Policy,
    emergency: bool,
    /// The keys that people agreed to, if they did.
    agreed: Option<String>,
}

impl Rules {
    pub(crate) fn new(plan: &Plan, emergency: bool, agreed: Option<String>) -> Rules {
        Rules { plan: plan.name.clone(), policy: plan.policy.clone(), emergency, agreed }
    }

    /// Checks keys, at a time of the control database.
    pub(crate) fn judge(&self, entries: &[CatalogueEntry], now: i64) -> Result<Allowed, CustodyError> {
        catalogue::may_seal(entries)?;
        let brought = |agreed: &String| approvals::brought(agreed, &self.plan, entries);
        let brought = self.agreed.as_ref().map(brought).transpose()?;
        let skipped = criteria(&self.policy, entries, self.emergency, now)
            .map_err(|refused| CustodyError::PolicyBehindBefore { plan: self.plan.clone(), refused })?;
        too_many_active(&self.policy, entries);
        Ok(Allowed { skipped, brought: brought.unwrap_or_default() })
    }
}

/// The criteria to proceed to another key: the one that seals now is old enough, and none is stuck between two runs.
/// An emergency sets them aside; gives what it set aside.
pub(crate) fn criteria(
    policy: &Policy,
    entries: &[CatalogueEntry],
    emergency: bool,
    now: i64,
) -> Result<Vec<String>, PolicyError> {
    let Some(least) = Least::of(policy, now) else { return Ok(Vec::new()) };
    let mut skipped = Vec::new();
    for new in entries.iter().filter(|entry| entry.primary && state(entry) != Some(KeyState::Active)) {
        let beside = || entries.iter().filter(|other| !other.primary && other.keyset == new.keyset);
        let stuck = beside().filter(|entry| state(entry) == Some(KeyState::Rotating));
        let stuck = stuck.map(stuck_key);
        let active: Vec<&CatalogueEntry> =
            beside().filter(|entry| state(entry) == Some(KeyState::Active)).collect();
        let found = |entry: &&CatalogueEntry| {
            entry.row.as_ref().is_some_and(|row| row.state == KeyState::Created && !row.generated)
        };
        // Where no key is known to seal, each that was found in the plan may be the one that does.
        let sealing = if active.is_empty() { beside().filter(found).collect() } else { active };
        let young = sealing.into_iter().filter_map(|entry| too_young(entry, &least));
        for refusal in stuck.chain(young) {
            if !emergency {
                return Err(refusal);
            }
            warn!("ignored because this is an emergency run: {refusal}");
            skipped.push(refusal.to_string());
        }
    }
    Ok(skipped)
}

/// The same of what the steps of `before` would lead to, before any of them is carried out: where they bring the next primary,
/// the key that seals now must be old enough for it. While a key is rotating, nothing can be said yet. `entries` are the keys
/// that can be read now.
pub(crate) fn old_enough(
    plan: &Plan,
    rows: &[KeyRow],
    entries: &[CatalogueEntry],
    now: i64,
) -> Result<(), PolicyError> {
    let Some(least) = Least::of(&plan.policy, now) else { return Ok(()) };
    for keyset in &plan.keysets {
        let of =
            |state: KeyState| rows.iter().filter(move |row| row.keyset == keyset.name && row.state == state);
        let mut primaries = entries.iter().filter(|entry| entry.primary && entry.keyset == keyset.name);
        let primary = primaries.next().and_then(|entry| entry.row.as_ref());
        let is_next = |row: &KeyRow| match &keyset.primary {
            // The label is that of the day on which the key was first seen.
            PrimarySpec::Id(_) if keyset.roles => {
                primary.is_some_and(|primary| primary.fingerprint == row.fingerprint)
            }
            PrimarySpec::Id(id) => row.key_id == *id,
            PrimarySpec::Source(_) => false,
            PrimarySpec::None => true,
        };
        let moves = of(KeyState::Rotating).next().is_none() && !of(KeyState::Active).any(is_next);
        for row in of(KeyState::Active).filter(|_| moves) {
            if let Some(refusal) = row.activated_at.and_then(|since| least.refusal(row, since)) {
                return Err(refusal);
            }
        }
    }
    Ok(())
}

fn state(entry: &CatalogueEntry) -> Option<KeyState> {
    entry.row.as_ref().map(|row| row.state)
}

fn stuck_key(entry: &CatalogueEntry) -> PolicyError {
    PolicyError::StillRotating { keyset: entry.keyset.clone(), key: entry.key_id.clone() }
}

fn too_young(entry: &CatalogueEntry, least: &Least) -> Option<PolicyError> {
    let (keyset, key) = (entry.keyset.clone(), entry.key_id.clone());
    let known = entry.row.as_ref().and_then(|row| Some((row, row.activated_at?)));
    match known {
        Some((row, since)) => least.refusal(row, since),
        None => Some(PolicyError::AgeUnknown { keyset, key }),
    }
}

/// How old a key must be at a time, to be replaced. All in milliseconds.
struct Least {
    age: i64,
    /// A key that expires within this time may be replaced however young it is.
    or_expires_within: Option<i64>,
    /// When keys expire by the policy, from when they became active.
    max_age: Option<i64>,
    now: i64,
}

impl Least {
    fn of(policy: &Policy, now: i64) -> Option<Least> {
        let ms = |length: std::time::Duration| i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Some(Least {
            age: ms(policy.min_key_age?),
            or_expires_within: policy.or_expires_within.map(ms),
            max_age: policy.max_key_age.map(ms),
            now,
        })
    }

    /// Why a key that is active since then may not be replaced yet.
    fn refusal(&self, row: &KeyRow, since: i64) -> Option<PolicyError> {
        let age = (self.now - since).max(0);
        let by_policy = self.max_age.map(|max| since.saturating_add(max));
        let expires = [row.expires_at, by_policy].into_iter().flatten().min();
        let is_near = |within: i64| expires.is_some_and(|at| at.saturating_sub(self.now) <= within);
        if age >= self.age || self.or_expires_within.is_some_and(is_near) {
            return None;
        }
        Some(PolicyError::TooYoung {
            keyset: row.keyset.clone(),
            key: row.key_id.clone(),
            age: coarse(millis(self.now - since)),
            least: exact(millis(self.age)),
        })
    }
}

pub(crate) fn too_many_active(policy: &Policy, entries: &[CatalogueEntry]) {
    let Some(most) = policy.max_active_keys else { return };
    let mut keysets: Vec<&str> = entries.iter().map(|entry| entry.keyset.as_str()).collect();
    keysets.dedup();
    for keyset in keysets {
        let in_use = |entry: &&CatalogueEntry| {
            entry.keyset == keyset
                && (entry.primary || matches!(state(entry), Some(KeyState::Active | KeyState::Rotating)))
        };
        let count = entries.iter().filter(in_use).count();
        if count > most as usize {
            warn!("keyset {keyset}: {count} keys are active or rotating, but the policy allows only {most}");
        }
    }
}
