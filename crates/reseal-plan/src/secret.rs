//! What a message must not show.
//!
//! Three guards, each enough for most mistakes: what stands under a name that the language does not know, or in the
//! place of a key source, is never shown (the form check sees to that); nor is a text that looks like key material; nor
//! a URL with a password in it.

use std::borrow::Cow;

use reseal_core::looks_like_key;

use crate::yaml::{Content, Node, Span};

/// What a message shows of a name from the plan: cut to a readable length, no control characters, no secret.
pub(crate) fn shown(name: &str) -> Cow<'_, str> {
    const MOST: usize = 60;
    if looks_secret(name) {
        return Cow::Borrowed("***");
    }
    if name.chars().count() <= MOST && !name.chars().any(char::is_control) {
        return Cow::Borrowed(name);
    }
    let plain = name.chars().map(|c| if c.is_control() { '?' } else { c });
    let mut text: String = plain.take(MOST).collect();
    if name.chars().count() > MOST {
        text.push('…');
    }
    Cow::Owned(text)
}

/// Whether a text could be key material: a long run of hexadecimal digits, or of letters in both cases mixed with
/// digits; or a URL with a password.
pub(crate) fn looks_secret(text: &str) -> bool {
    // An identity of age has letters of one case only.
    if has_password(text) || text.to_ascii_uppercase().contains("AGE-SECRET-KEY-") {
        return true;
    }
    // Standard base64 holds slashes, and so do paths, whose pieces are judged one by one.
    let is_path = text.starts_with(['/', '.', '~']);
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+=_-".contains(c) || (c == '/' && !is_path)))
        .any(looks_like_key)
}

/// Whether a path could be key material: its pieces are judged one by one, and it as a whole where no folder could be
/// called so.
pub(crate) fn looks_secret_path(path: &str) -> bool {
    let is_whole_key = path.len() >= 24 && path.len().is_multiple_of(4) && !path.contains(['.', '_']);
    path.split('/').any(looks_secret) || (is_whole_key && looks_secret(path))
}

/// The first argument of a program that is a secret: other users of the machine can see it, and so can a log.
pub(crate) fn in_arguments<'w>(words: impl Iterator<Item = &'w str>) -> bool {
    let mut named = false;
    for word in words {
        // What a hole, a variable or a file brings is not in the plan.
        let is_given = !word.is_empty() && !word.starts_with(['{', '$', '/', '@', '.', '-']);
        let assigned = word.split_once('=').is_some_and(|(name, value)| {
            names_secret(name) && !value.is_empty() && !value.starts_with(['{', '$', '/', '@', '.'])
        });
        if (named && is_given) || assigned || has_bearer(word) || looks_secret_argument(word) {
            return true;
        }
        named = word.starts_with('-') && !word.contains('=') && names_secret(word);
    }
    false
}

/// Whether an argument could be key material by itself. One with slashes is a path or an address: its pieces count.
fn looks_secret_argument(word: &str) -> bool {
    // Addresses end with ids and digests, which look like keys.
    let is_address = word.contains("://") || word.starts_with("arn:") || word.contains("sha256:");
    has_password(word) || (!is_address && word.split('/').any(looks_secret))
}

/// Whether an option or a variable is called as what holds a secret.
fn names_secret(name: &str) -> bool {
    const WORDS: [&str; 8] =
        ["password", "passwd", "pwd", "passphrase", "token", "api-key", "apikey", "api_key"];
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    WORDS.iter().any(|word| name.ends_with(word))
}

fn has_bearer(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let token = ["bearer ", "basic "].iter().find_map(|kind| Some(&word[lower.find(kind)? + kind.len()..]));
    token.is_some_and(|token| !token.is_empty() && !token.starts_with(['{', '$']))
}

/// Whether a URL in the text holds a password, before the host or among its parameters.
pub(crate) fn has_password(text: &str) -> bool {
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        rest = &rest[at + 3..];
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        // A password may itself hold the characters that end an authority, unescaped: look on as far as an @.
        let user_info = match authority.rfind('@') {
            Some(end) => &authority[..end],
            None => rest
                .split(' ')
                .next()
                .and_then(|url| url.rfind('@').map(|end| &url[..end]))
                .unwrap_or_default(),
        };
        if user_info.split_once(':').is_some_and(|(_, password)| !password.is_empty()) {
            return true;
        }
        let query = rest.split_once('?').map(|(_, query)| query).unwrap_or_default();
        let secret = |name: &str| {
            ["password", "passwd", "pwd", "sslpassword"].iter().any(|word| name.eq_ignore_ascii_case(word))
        };
        if query.split(['&', ' ']).filter_map(|pair| pair.split_once('=')).any(|(name, _)| secret(name)) {
            return true;
        }
    }
    false
}

/// The spans of all texts and names that look like a secret.
pub(crate) fn spans(node: &Node, out: &mut Vec<Span>) {
    match &node.content {
        Content::Text(text) if looks_secret(text) => out.push(node.span),
        Content::List(items) => items.iter().for_each(|item| spans(item, out)),
        Content::Map(entries) => {
            for entry in entries {
                if looks_secret(&entry.name) {
                    out.push(entry.name_span);
                }
                spans(&entry.node, out);
            }
        }
        _ => {}
    }
}

/// The spans of all scalars under a node.
pub(crate) fn everything(node: &Node, out: &mut Vec<Span>) {
    match &node.content {
        Content::List(items) => items.iter().for_each(|item| everything(item, out)),
        Content::Map(entries) => entries.iter().for_each(|entry| everything(&entry.node, out)),
        _ => out.push(node.span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_secrets_are_found() {
        let found = |line: &[&str]| in_arguments(line.iter().copied());
        for line in [
            &["client", "--password", "hunter2"][..],
            &["client", "--password=hunter2"],
            &["env", "PGPASSWORD=hunter2", "psql"],
            &["vault", "login", "-token=hvs.CAESIJ8Fd2mXqOcWbVnP"],
            &["curl", "-H", "Authorization: Bearer hunter2"],
            &["psql", "postgres://app:hunter2@db/clinic"],
            &[
                "age",
                "-d",
                "-i",
                "AGE-SECRET-KEY-1TX87538Q5H4NFGDC6ENJ5T5Q4NQD0YSF94W500TH8P5Z5RSMKFDQAQPSR2",
            ],
            &["tool", "0123456789abcdef0123456789abcdef"],
        ] {
            assert!(found(line), "{line:?}");
        }
        for line in [
            &["vault", "kv", "get", "-field=password", "secret/phi"][..],
            &["client", "--password", "{vars.X}"],
            &["client", "--password-file", "keys/password"],
            &["client", "--token", "/run/token", "--password=@file"],
            &["pass", "show", "db/password"],
            &["aws", "secretsmanager", "get-secret-value", "--secret-id", "pazpaz/encryption-key"],
            &["curl", "-H", "Authorization: Bearer $TOKEN"],
            &["sh", "-c", "cat keys/v2.key"],
            &["get", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:MyTestSecret-a1B2c3"],
            &["get", "https://phi.vault.azure.net/secrets/key/0123456789abcdef0123456789abcdef"],
        ] {
            assert!(!found(line), "{line:?}");
        }
    }

    #[test]
    fn keys_that_stand_for_paths_are_found() {
        for (path, secret) in [
            ("AGE-SECRET-KEY-1TX87538Q5H4NFGDC6ENJ5T5Q4NQD0YSF94W500TH8P5Z5RSMKFDQAQPSR2", true),
            ("q83vEjRWeJ/rze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=", true),
            ("0123456789abcdef0123456789abcdef", true),
            ("encryption_keys/{id}", false),
            ("keys/Prod/v2Backup.age", false),
            ("/run/secrets/intelliwiz/2025-03-kms", false),
        ] {
            assert_eq!(looks_secret_path(path), secret, "{path}");
        }
    }

    #[test]
    fn keys_look_like_secrets_and_names_do_not() {
        for secret in [
            "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=",
            "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
            "0123456789abcdef0123456789abcdef",
            "postgres://app:hunter2@db/clinic",
            "postgres://app:p@ss/w?rd@db/clinic",
            "postgres://db/clinic?user=a&password=hunter2",
            "-token=hvs.CAESIJ8Fd2mXqOcWbVnP",
        ] {
            assert!(looks_secret(secret), "{secret}");
        }
        for name in [
            "ENCRYPTION_MASTER_KEY_V2",
            "postgres://app@db:5432/clinic",
            "sqlite:///var/lib/app.db",
            "/run/secrets/intelliwiz/2025-03-kms",
            "{key}:{nonce|base64}:{ciphertext|base64}",
            "encryption_key_metadata",
            "123e4567-e89b-12d3-a456-426614174000",
        ] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
