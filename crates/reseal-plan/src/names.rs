//! Names in a sentence.

use reseal_core::nearest;

/// What other libraries call what a plan calls otherwise.
const ELSEWHERE: [(&str, &str); 9] = [
    ("urlsafe_base64", "base64url"),
    ("base64_urlsafe", "base64url"),
    ("urlsafe-base64", "base64url"),
    ("base64-urlsafe", "base64url"),
    ("hexadecimal", "hex"),
    ("base16", "hex"),
    ("binary", "raw"),
    ("bytes", "raw"),
    ("text", "utf8"),
];

/// "did you mean …?", if one of the names is near enough, or another library's word for it.
pub(crate) fn did_you_mean(name: &str, known: &[&str]) -> Option<String> {
    let elsewhere = ELSEWHERE.iter().find(|(theirs, ours)| *theirs == name && known.contains(ours));
    let meant = elsewhere.map(|(_, ours)| *ours).or_else(|| nearest(name, known))?;
    Some(format!("did you mean `{meant}`?"))
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
