//! Names in a sentence.

use reseal_core::nearest;

/// "did you mean …?", where one of the names is near enough to have been meant.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> Option<String> {
    nearest(name, known).map(|nearest| format!("did you mean `{nearest}`?"))
}

/// `a`, `b` and `c`: the first two dozen, for a list is no help when it does not end.
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
