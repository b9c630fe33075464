//! Key ages: notices about keys that near their end, or are past it.

use jiff::Timestamp;
use reseal_control::{KeyRow, KeySource};
use reseal_core::quantity::{coarse, exact, millis};
use reseal_core::{KeyState, Notice, NoticeKind};
use reseal_custody::age;
use reseal_plan::Plan;

use crate::command::Primary;

/// What the control database knows of a plan's keys.
#[derive(Clone, Copy)]
pub(crate) struct Catalogued<'k> {
    /// The catalogue.
    pub(crate) keys: &'k [KeyRow],
    /// What the application says of keys.
    pub(crate) sources: &'k [KeySource],
}

/// The notices that the keys of a plan are worth at `now`. A warning comes once for each step of the policy's `warn`; an
/// expired key gives one at every slot until it is rotated. `primaries` are the keys that seal, where that is known.
pub(crate) fn notices(
    plan: &Plan,
    Catalogued { keys, sources }: Catalogued<'_>,
    primaries: Option<&[Primary]>,
    slot: Timestamp,
    now: Timestamp,
) -> Vec<Notice> {
    // Before the first run the catalogue knows no states: a key that seals nothing needs no successor.
    let seals = |key: &&KeyRow| {
        let named = |primary: &Primary| match &primary.fingerprint {
            Some(fingerprint) => *fingerprint == key.fingerprint,
            None => primary.keyset == key.keyset && primary.key == key.key_id,
        };
        key.state != KeyState::Created || primaries.is_none_or(|primaries| primaries.iter().any(named))
    };
    let of_keys = keys.iter().filter(seals).filter_map(|key| of_key(plan, key, sources, slot, now));
    let mut notices: Vec<Notice> = of_keys.collect();
    notices.extend(too_many(plan, keys));
    notices
}

fn of_key(
    plan: &Plan,
    key: &KeyRow,
    sources: &[KeySource],
    slot: Timestamp,
    now: Timestamp,
) -> Option<Notice> {
    let now = now.as_millisecond();
    let age = age(&plan.policy, key, sources, now);
    let (warned, expires_at) = (age.warned?, age.expires_at?);
    let expires = Timestamp::from_millisecond(expires_at).unwrap_or(Timestamp::UNIX_EPOCH);
    let (kind, slot) = match warned.is_zero() {
        true => (NoticeKind::KeyExpired, slot.to_string()),
        false => (NoticeKind::KeyExpiring, format!("{expires} {}", exact(warned))),
    };
    let subject = format!("{}/{}", key.keyset, key.key_id);
    let mut notice = Notice::new(kind, &plan.name, &subject, &slot)
        .with("keyset", &key.keyset)
        .with("key", &key.key_id)
        .with("expires", expires.to_string());
    if let Some(since) = age.since {
        notice = notice.with("age", coarse(millis(now - since)));
    }
    if let Some(max) = plan.policy.max_key_age {
        notice = notice.with("limit", exact(max));
    }
    Some(notice)
}

fn too_many(plan: &Plan, keys: &[KeyRow]) -> Vec<Notice> {
    let Some(most) = plan.policy.max_active_keys else { return Vec::new() };
    let mut keysets: Vec<&str> = keys.iter().map(|key| key.keyset.as_str()).collect();
    keysets.sort_unstable();
    keysets.dedup();
    let active = |keyset: &str| {
        let counts = |key: &&KeyRow| {
            key.keyset == keyset && matches!(key.state, KeyState::Active | KeyState::Rotating)
        };
        keys.iter().filter(counts).count()
    };
    keysets
        .into_iter()
        .map(|keyset| (keyset, active(keyset)))
        .filter(|(_, count)| *count > most as usize)
        .map(|(keyset, count)| {
            Notice::new(NoticeKind::TooManyKeys, &plan.name, keyset, &count.to_string())
                .with("keyset", keyset)
                .with("keys", count.to_string())
                .with("limit", most.to_string())
        })
        .collect()
}
