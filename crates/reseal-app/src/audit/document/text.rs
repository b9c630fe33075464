//! How a report writes what events say: times, durations, numbers.

use std::time::Duration;

use jiff::Timestamp;
use reseal_core::audit::{Detail, Event};
pub(super) use reseal_core::quantity::count as thousands;
use reseal_core::quantity::{millis, readable};

/// An event's keys and fields in one line, without the fields that are left out. Digests are cut: they tell that something
/// changed, the trail tells what.
pub(super) fn in_one_line(event: &Event, left_out: &[&str]) -> String {
    let keys = event.keys.iter().map(|key| format!("{} {}", key.keyset, key.key));
    let shown = event.fields.iter().filter(|(name, _)| !left_out.contains(&name.as_str()));
    let fields = shown.map(|(name, value)| match value {
        Detail::Text(text) if text.len() > 60 && !text.contains(' ') => {
            format!("{} {}…", words(name), text.chars().take(12).collect::<String>())
        }
        Detail::Text(text) => format!("{} {text}", words(name)),
        Detail::Integer(n) => quantity(name, *n),
    });
    keys.chain(fields).collect::<Vec<_>>().join(", ")
}

/// A number as people read it: what ends in `_ms` is a time of the trail, what ends in `_seconds` is a duration.
fn quantity(name: &str, n: i64) -> String {
    if let Some(name) = name.strip_suffix("_ms") {
        return format!("{} {}", words(name), minute(n));
    }
    if let Some(name) = name.strip_suffix("_seconds") {
        return format!("{} {}", words(name), readable(Duration::from_secs(n.unsigned_abs())));
    }
    format!("{} {n}", words(name))
}

/// A field's name as words.
fn words(name: &str) -> String {
    name.strip_suffix("_ms").unwrap_or(name).replace('_', " ")
}

/// How long something took, from its first millisecond to its last.
pub(super) fn took(from: i64, to: i64) -> String {
    readable(millis(to - from))
}

pub(super) fn instant(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|at| format!("{at:.0}")).unwrap_or_default()
}

pub(super) fn minute(ms: i64) -> String {
    instant(ms).replace('T', " ").get(..16).unwrap_or_default().to_owned()
}

pub(super) fn date(ms: i64) -> String {
    instant(ms).get(..10).unwrap_or_default().to_owned()
}
