//! Files that are named after slots.

use jiff::Timestamp;
use reseal_plan::SLOT;

/// A file's name for a slot: the names of one template sort by slot. `copy` is 0, and counts up where such a file is
/// there already and may not be written over.
#[must_use]
pub fn file_at(template: &str, slot: Timestamp, copy: u32) -> String {
    let slot = slot.strftime("%Y%m%dT%H%M%SZ");
    match copy {
        0 => template.replace(SLOT, &slot.to_string()),
        // An underscore sorts behind the dot or the end that comes behind a slot without one.
        copy => template.replace(SLOT, &format!("{slot}_{copy}")),
    }
}

/// Of the names in a folder, the newest that a template gives; `template` is a file's name without its folder.
#[must_use]
pub fn newest(template: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let (before, behind) = template.split_once(SLOT)?;
    let slot = |name: &str| {
        let slot = name.strip_prefix(before)?.strip_suffix(behind)?;
        let (time, copy) = slot.split_once('_').unwrap_or((slot, "0"));
        let date = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
        Some((date, copy.parse::<u32>().ok()?))
    };
    let known = names.into_iter().filter_map(|name| Some((slot(&name)?, name)));
    known.max().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_slot_and_the_newest_is_found() {
        let slot: Timestamp = "2026-07-01T03:00:00+03:00".parse().unwrap_or_default();
        let name = |copy| file_at("a/keys-{slot}.age", slot, copy);
        assert_eq!(name(0), "a/keys-20260701T000000Z.age");
        assert_eq!(name(2), "a/keys-20260701T000000Z_2.age");
        assert_eq!(file_at("latest.html", slot, 0), "latest.html");
        let folder = |names: &[&str]| newest("keys-{slot}.age", names.iter().map(|name| (*name).to_owned()));
        let names = [
            "keys-20260701T000000Z.age",
            "keys-20260630T000000Z.age",
            "keys-zz.age",
            "x-20270101T000000Z.age",
        ];
        assert_eq!(folder(&names).as_deref(), Some(names[0]));
        let copies = [names[0], "keys-20260701T000000Z_10.age", "keys-20260701T000000Z_9.age"];
        assert_eq!(folder(&copies).as_deref(), Some(copies[1]));
        assert_eq!(folder(&["keys-.age", "keys.age"]), None);
    }
}
