//! How old keys are, and when they expire.

use std::time::Duration;

use reseal_control::KeyRow;
use reseal_core::KeyState;
use reseal_plan::{Keep, Policy};

/// How a key stands to the policy, at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyAge {
    /// Since when it seals, in milliseconds since 1970; `None` where nobody noted it.
    pub since: Option<i64>,
    /// When it expires, in milliseconds since 1970: as its source says, or `max_key_age` after it was made active,
    /// whichever comes first.
    pub expires_at: Option<i64>,
    /// The smallest length of `warn` that the time left has come down to; zero once the key is expired.
    pub warned: Option<Duration>,
    /// Since when a retired key may be destroyed, in milliseconds since 1970.
    pub destroyable_at: Option<i64>,
}

/// How a key stands to the policy at `now` (milliseconds since 1970).
#[must_use]
pub fn age(policy: &Policy, row: &KeyRow, now: i64) -> KeyAge {
    let in_use = matches!(row.state, KeyState::Created | KeyState::Active);
    let by_policy = policy.max_key_age.zip(row.activated_at).map(|(max, since)| since + ms(max));
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
        since: row.activated_at,
        expires_at,
        warned,
        destroyable_at: retired.zip(kept).map(|(at, kept)| at.saturating_add(kept)),
    }
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
            let left = age(&policy(), &row(KeyState::Active, Some(0), None, None), day * DAY).warned;
            left.map(|left| left.as_secs() / 86_400)
        };
        assert_eq!(
            [75, 76, 86, 87, 90, 99].map(warned),
            [None, Some(14), Some(14), Some(3), Some(0), Some(0)]
        );
    }

    #[test]
    fn the_earlier_expiry_counts_and_none_for_a_key_that_is_given_up() {
        let expires = |row: KeyRow| age(&policy(), &row, 0).expires_at;
        assert_eq!(expires(row(KeyState::Active, Some(0), Some(10 * DAY), None)), Some(10 * DAY));
        assert_eq!(expires(row(KeyState::Active, Some(0), Some(100 * DAY), None)), Some(90 * DAY));
        assert_eq!(expires(row(KeyState::Active, None, None, None)), None);
        assert_eq!(expires(row(KeyState::Rotating, Some(0), Some(DAY), None)), None);
    }

    #[test]
    fn a_retired_key_is_kept_as_long_as_the_policy_says() {
        let retired = row(KeyState::Retired, Some(0), None, Some(5 * DAY));
        assert_eq!(age(&policy(), &retired, 0).destroyable_at, Some(35 * DAY));
        let forever = Policy { keep_retired: Some(Keep::Forever), ..policy() };
        assert_eq!(age(&forever, &retired, 0).destroyable_at, None);
        assert_eq!(age(&Policy::default(), &retired, 0).destroyable_at, Some(5 * DAY));
        assert_eq!(age(&policy(), &row(KeyState::Rotating, Some(0), None, None), 0).destroyable_at, None);
    }
}
