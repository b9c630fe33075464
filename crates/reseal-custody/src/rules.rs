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
    let Some(min) = policy.min_key_age else { return Ok(Vec::new()) };
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
        let young = sealing.into_iter().filter_map(|entry| too_young(entry, min.as_millis(), now));
        for refusal in stuck.chain(young) {
            if !emergency {
                return Err(refusal);
            }
            warn!("set aside by the emergency: {refusal}");
            skipped.push(refusal.to_string());
        }
    }
    Ok(skipped)
}

/// The same of what the steps of `before` would lead to, before any of them is carried out: where they bring the next primary,
/// the key that seals now must be old enough for it. While a key is rotating, nothing can be said yet.
pub(crate) fn old_enough(plan: &Plan, rows: &[KeyRow], now: i64) -> Result<(), PolicyError> {
    let Some(min) = plan.policy.min_key_age else { return Ok(()) };
    for keyset in &plan.keysets {
        let of =
            |state: KeyState| rows.iter().filter(move |row| row.keyset == keyset.name && row.state == state);
        let is_next = |row: &KeyRow| match &keyset.primary {
            PrimarySpec::Id(id) => row.key_id == *id,
            PrimarySpec::Source(_) => false,
            PrimarySpec::None => true,
        };
        let moves = of(KeyState::Rotating).next().is_none() && !of(KeyState::Active).any(is_next);
        for row in of(KeyState::Active).filter(|_| moves) {
            let Some(since) = row.activated_at else { continue };
            if let Some(refusal) =
                younger(&row.keyset, &row.key_id, since, Least { ms: min.as_millis(), now })
            {
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

fn too_young(entry: &CatalogueEntry, min_ms: u128, now: i64) -> Option<PolicyError> {
    let (keyset, key) = (entry.keyset.clone(), entry.key_id.clone());
    let Some(since) = entry.row.as_ref().and_then(|row| row.activated_at) else {
        return Some(PolicyError::AgeUnknown { keyset, key });
    };
    younger(&keyset, &key, since, Least { ms: min_ms, now })
}

/// How old a key must be, and when.
struct Least {
    ms: u128,
    now: i64,
}

fn younger(keyset: &str, key: &str, since: i64, least: Least) -> Option<PolicyError> {
    let age = u128::try_from(least.now - since).unwrap_or(0);
    (age < least.ms).then(|| PolicyError::TooYoung {
        keyset: keyset.to_owned(),
        key: key.to_owned(),
        age: coarse(millis(least.now - since)),
        least: exact(std::time::Duration::from_millis(u64::try_from(least.ms).unwrap_or(u64::MAX))),
    })
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
            warn!("keyset {keyset}: {count} keys are active or rotating, and the policy allows {most}");
        }
    }
}
