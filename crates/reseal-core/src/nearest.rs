//! The name that was probably meant.

/// The known name that is fewest slips away, one in four letters at most, if no other is as near.
#[must_use]
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // Nobody types a name this long; measuring it would cost more than it helps.
    const LONGEST: usize = 100;
    if name.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let name = plain(name);
    let slips = |other: &str| {
        let other = plain(other);
        let most = (name.chars().count().max(other.chars().count()) + 1) / 4;
        Some(strsim::osa_distance(&name, &other)).filter(|slips| *slips <= most.max(1))
    };
    let short = known.iter().copied().filter(|other| other.len() <= LONGEST);
    let near: Vec<(usize, &str)> = short.filter_map(|other| Some((slips(other)?, other))).collect();
    let least = near.iter().map(|(slips, _)| *slips).min()?;
    let mut nearest = near.iter().filter(|(slips, _)| *slips == least);
    let (_, first) = nearest.next()?;
    nearest.all(|(_, other)| other == first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        assert_eq!(nearest("kyeset", &["key", "keyset", "seal"]), Some("keyset"));
        assert_eq!(nearest("both_keys", &["both-keys", "paused"]), Some("both-keys"));
        assert_eq!(nearest("password", &["env", "file", "command"]), None);
        assert_eq!(nearest("v", &["v1"]), Some("v1"));
        assert_eq!(nearest("v3", &["v1", "v2"]), None);
    }
}
