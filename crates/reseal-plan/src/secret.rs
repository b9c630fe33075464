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
        let secret = |name: &str| ["password", "passwd", "pwd", "sslpassword"].contains(&name);
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
