//! The nearest name, and lists of names in a sentence.

/// "did you mean …?", where one of the names is near enough to have been meant.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> Option<String> {
    nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// The known name that is fewest slips away, if a third of its letters is right or more.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    // Nobody types a name this long by hand; measuring it would cost more than it helps.
    if name.len() > 100 {
        return None;
    }
    let name = name.to_lowercase().replace('_', "-");
    let distance = |other: &str| strsim::osa_distance(&name, &other.to_lowercase().replace('_', "-"));
    let most = |other: &str| (name.chars().count().max(other.chars().count()) / 3).max(1);
    let near = known.iter().copied().filter(|other| other.len() <= 100 && distance(other) <= most(other));
    near.min_by_key(|other| distance(other))
}

/// `a`, `b` and `c`: the first dozen, for a list is no help when it does not end.
pub(crate) fn listed(names: &[&str], word: &str) -> String {
    const MOST: usize = 24;
    let quoted: Vec<String> =
        names.iter().take(MOST).map(|name| format!("`{}`", crate::secret::shown(name))).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        all if names.len() > MOST => format!("{}, …", all.join(", ")),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
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
    }
}
