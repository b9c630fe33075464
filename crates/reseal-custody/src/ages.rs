//! How old keys are, and when they expire.

use std::time::Duration;

use reseal_control::{ControlSession, KeyRow, KeySource};
use reseal_core::KeyState;
use reseal_engine::SourceFacts;
use reseal_plan::{Keep, KeysetSpec, Plan, Policy};
use reseal_store::StoreError;

/// The script of the control database that brings the last of the tables which are read here.
const SOURCES: i64 = 6;

/// How a key stands to the policy, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// Since when it seals, in milliseconds since 1970: since it was made active, or where nobody noted that, since the
    /// application made it, by its own table. `None` where neither is known, or the key is not in use yet.
    pub since: Option<i64>,
    /// When it expires, in milliseconds since 1970: as its source says, or `max_key_age` after it was made active,
    /// whichever comes first.
    pub expires_at: Option<i64>,
    /// The smallest length of `warn` that the time left has come down to; zero once the key is expired.
    pub warned: Option<Duration>,
    /// Since when a retired key may be destroyed, in milliseconds since 1970.
    pub destroyable_at: Option<i64>,
}

/// How a key stands to the policy at `now` (milliseconds since 1970). `sources` is what the application says of its keys.
#[must_use]
pub fn age(policy: &Policy, row: &KeyRow, sources: &[KeySource], now: i64) -> KeyAge {
    let in_use = matches!(row.state, KeyState::Created | KeyState::Active);
    let since = since(row, sources);
    let by_policy = policy.max_key_age.zip(since).map(|(max, since)| since.saturating_add(ms(max)));
    let expires_at = [by_policy, row.expires_at].into_iter().flatten().min().filter(|_| in_use);
    let left = expires_at.map(|at| at - now);
    let warned = left.and_then(|left| match left {
        ..=0 => Some(Duration::ZERO),
        left => policy.warn.iter().rev().find(|warn| left <= ms(**warn)).copied(),
    });
    let kept = match policy.keep_retired {
        Some(Keep::Forever) => None,
        Some(Keep::For(days)) => Some(ms(days)),
        None => Some(0),
    };
    let retired = row.retired_at.filter(|_| row.state == KeyState::Retired);
    KeyAge {
        since,
        expires_at,
        warned,
        destroyable_at: retired.zip(kept).map(|(at, kept)| at.saturating_add(kept)),
    }
}

/// Since when a key seals, if that is known.
fn since(row: &KeyRow, sources: &[KeySource]) -> Option<i64> {
    let made = || source(row, sources)?.created_at.filter(|_| row.state != KeyState::Created);
    row.activated_at.or_else(made)
}

fn source<'s>(row: &KeyRow, sources: &'s [KeySource]) -> Option<&'s KeySource> {
    sources.iter().find(|source| source.entry == row.id)
}

/// Since when the oldest of the keys seals that a plan seals with, in milliseconds since 1970: the age that a rotation by
/// interval counts. `None` where the catalogue knows none of them.
///
/// # Errors
/// When the control database refuses.
pub async fn sealing_since(control: &mut ControlSession, plan: &Plan) -> Result<Option<i64>, StoreError> {
    if control.version().await?.is_none_or(|version| version < SOURCES) {
        return Ok(None);
    }
    let (rows, sources) = (control.catalogued(&plan.name).await?, control.key_sources().await?);
    let fields = plan.tables.iter().flat_map(|table| &table.fields);
    let keysets = fields.filter_map(|field| plan.keyset_of(&plan.seals[field.to]));
    Ok(keysets.filter_map(|keyset| oldest(keyset, &rows, &sources)).min())
}

/// The date of the oldest key of a keyset that is active. Where none is known to be, each that was found in the plan may be
/// the one that seals, and where nobody dated a key, it is as old as the catalogue knows it.
fn oldest(keyset: &KeysetSpec, rows: &[KeyRow], sources: &[KeySource]) -> Option<i64> {
    let given_up = |row: &KeyRow| {
        let state = source(row, sources).and_then(|source| source.state.as_deref());
        state.is_some_and(SourceFacts::gives_up)
    };
    let of = |state: KeyState| {
        let rows = rows.iter().filter(move |row| row.keyset == keyset.name && row.state == state);
        rows.filter(|row| !given_up(row))
    };
    let active = of(KeyState::Active).map(|row| since(row, sources).unwrap_or(row.created_at)).min();
    let found = || {
        let made = |row: &KeyRow| source(row, sources).and_then(|source| source.created_at);
        of(KeyState::Created)
            .filter(|row| !row.generated)
            .map(|row| made(row).unwrap_or(row.created_at))
            .min()
    };
    active.or_else(found)
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    fn row(state: KeyState, activated: Option<i64>, expires: Option<i64>, retired: Option<i64>) -> KeyRow {
        KeyRow {
            id: "e".into(),
            plan: "p".into(),
            keyset: "k".into(),
            key_id: "v1".into(),
            generation: 0,
            method: "sha256".into(),
            salt: String::new(),
            fingerprint: String::new(),
            generated: false,
            state,
            created_at: 0,
            activated_at: activated,
            retired_at: retired,
            destroyed_at: None,
            expires_at: expires,
        }
    }

    fn policy() -> Policy {
        let days = |n: u64| Duration::from_secs(n * 86_400);
        Policy {
            max_key_age: Some(days(90)),
            warn: vec![days(14), days(3)],
            keep_retired: Some(Keep::For(days(30))),
            ..Policy::default()
        }
    }

    #[test]
    fn a_key_is_warned_of_in_steps() {
        let warned = |day: i64| {
            let left = age(&policy(), &row(KeyState::Active, Some(0), None, None), &[], day * DAY).warned;
            left.map(|left| left.as_secs() / 86_400)
        };
        assert_eq!(
            [75, 76, 86, 87, 90, 99].map(warned),
            [None, Some(14), Some(14), Some(3), Some(0), Some(0)]
        );
    }

    #[test]
    fn the_earlier_expiry_counts_and_none_for_a_key_that_is_given_up() {
        let expires = |row: KeyRow| age(&policy(), &row, &[], 0).expires_at;
        assert_eq!(expires(row(KeyState::Active, Some(0), Some(10 * DAY), None)), Some(10 * DAY));
        assert_eq!(expires(row(KeyState::Active, Some(0), Some(100 * DAY), None)), Some(90 * DAY));
        assert_eq!(expires(row(KeyState::Active, None, None, None)), None);
        assert_eq!(expires(row(KeyState::Rotating, Some(0), Some(DAY), None)), None);
    }

    #[test]
    fn a_retired_key_is_kept_as_long_as_the_policy_says() {
        let retired = row(KeyState::Retired, Some(0), None, Some(5 * DAY));
        assert_eq!(age(&policy(), &retired, &[], 0).destroyable_at, Some(35 * DAY));
        let forever = Policy { keep_retired: Some(Keep::Forever), ..policy() };
        assert_eq!(age(&forever, &retired, &[], 0).destroyable_at, None);
        assert_eq!(age(&Policy::default(), &retired, &[], 0).destroyable_at, Some(5 * DAY));
        assert_eq!(
            age(&policy(), &row(KeyState::Rotating, Some(0), None, None), &[], 0).destroyable_at,
            None
        );
    }

    fn keyset(name: &str) -> KeysetSpec {
        KeysetSpec {
            name: name.into(),
            roles: false,
            primary: reseal_plan::PrimarySpec::Id("v1".into()),
            keys: Vec::new(),
            keys_from: Vec::new(),
            line: 1,
        }
    }

    fn made(entry: &str, state: Option<&str>, at: i64) -> KeySource {
        KeySource { entry: entry.into(), state: state.map(str::to_owned), created_at: Some(at) }
    }

    /// Watches the order of what is known: a note, the application's own date, and the catalogue's.
    #[test]
    fn a_key_counts_from_its_note_else_from_its_making_else_from_when_it_was_first_seen() {
        let of =
            |row: &KeyRow, sources: &[KeySource]| oldest(&keyset("k"), std::slice::from_ref(row), sources);
        let seen = |row: KeyRow| KeyRow { created_at: 9 * DAY, ..row };
        let noted = seen(row(KeyState::Active, Some(5 * DAY), None, None));
        let undated = seen(row(KeyState::Active, None, None, None));
        let found = seen(row(KeyState::Created, None, None, None));
        let app = [made("e", Some("active"), 2 * DAY)];
        assert_eq!(of(&noted, &app), Some(5 * DAY));
        assert_eq!((of(&undated, &app), of(&undated, &[])), (Some(2 * DAY), Some(9 * DAY)));
        assert_eq!((of(&found, &app), of(&found, &[])), (Some(2 * DAY), Some(9 * DAY)));
        // A check of ages says the same of a key that is active; of one that waits it says nothing.
        let checked = |row: &KeyRow| age(&policy(), row, &app, 0).since;
        assert_eq!(
            [checked(&noted), checked(&undated), checked(&found)],
            [Some(5 * DAY), Some(2 * DAY), None]
        );
        assert_eq!(age(&policy(), &undated, &app, 0).expires_at, Some(92 * DAY));
        for state in [KeyState::Rotating, KeyState::Retired, KeyState::Destroyed] {
            assert_eq!(of(&row(state, Some(0), None, None), &app), None, "{state}");
        }
        assert_eq!(of(&found, &[made("e", Some("Retired"), 2 * DAY)]), None, "the application gave it up");
        let generated = KeyRow { generated: true, ..found };
        assert_eq!(of(&generated, &[]), None, "nobody uses it yet");
    }

    #[test]
    fn the_oldest_active_key_counts_and_no_key_beside_it() {
        let with = |id: &str, row: KeyRow| KeyRow { id: id.into(), ..row };
        let rows = [
            with("1", row(KeyState::Rotating, Some(0), None, None)),
            with("2", row(KeyState::Active, Some(4 * DAY), None, None)),
            with("3", row(KeyState::Active, Some(3 * DAY), None, None)),
            with("4", row(KeyState::Created, None, None, None)),
            with("5", KeyRow { keyset: "other".into(), ..row(KeyState::Active, Some(DAY), None, None) }),
        ];
        assert_eq!(oldest(&keyset("k"), &rows, &[made("4", None, 0)]), Some(3 * DAY));
        assert_eq!(oldest(&keyset("other"), &rows, &[]), Some(DAY));
        assert_eq!(oldest(&keyset("none"), &rows, &[]), None);
    }
}
