//! Words that have no place in the repository.

use super::{Findings, Repository};

/// In code: what is unfinished, or would be skipped.
const IN_CODE: [(&str, &str); 4] = [
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("dbg!", "use tracing"),
    ("#[ignore", "do not skip tests"),
];

/// Anywhere: what is unfinished, or holds on one machine only.
const ANYWHERE: [(&str, &str); 7] = [
    ("TODO", "finish it, or file an issue"),
    ("FIXME", "finish it, or file an issue"),
    ("for now", "say until when or why"),
    ("/home/", "a path of one machine"),
    ("/root/", "a path of one machine"),
    ("/Users/", "a path of one machine"),
    ("/work/", "a path of one machine"),
];

/// This table, and texts that are not ours.
const EXEMPT: [&str; 3] = ["xtask/src/tidy/words.rs", "Cargo.lock", "LICENSE-APACHE"];

pub(super) fn are_not_forbidden(repository: &Repository) -> Findings {
    let mut findings = Vec::new();
    for file in repository.files.iter().filter(|file| !EXEMPT.contains(&file.path.as_str())) {
        let is_code = file.path.ends_with(".rs");
        for (at, line) in file.text.lines().enumerate() {
            let in_code = IN_CODE.iter().filter(|_| is_code && !line.trim_start().starts_with("//"));
            for (word, instead) in in_code.chain(&ANYWHERE).filter(|(word, _)| contains(line, word)) {
                findings.push(format!("{}:{}: `{word}`: {instead}", file.path, at + 1));
            }
        }
    }
    findings
}

/// Whether a line contains a word that is not part of a longer one, or of a call.
fn contains(line: &str, word: &str) -> bool {
    let ends_in_letter = word.ends_with(|c: char| c.is_alphabetic());
    line.match_indices(word).any(|(at, _)| {
        let joined_before = line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '.');
        let joined_after =
            line[at + word.len()..].starts_with(|c: char| c.is_alphanumeric() || "(_".contains(c));
        !(joined_before || ends_in_letter && joined_after)
    })
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn words_are_whole() {
        assert!(contains("good enough for now.", "for now"));
        assert!(!contains("waits for now()", "for now"));
        assert!(!contains("for nowhere", "for now"));
        assert!(!contains("https://example.org/work/", "/work/"));
        assert!(contains("open(\"/work/x\")", "/work/"));
    }
}
