//! New primaries that would be found by guessing: all cells are moved to this key, so it must be strong.

use std::fmt;

use reseal_core::{Digest, ENOUGH_BYTES, Kdf, Key, Pattern, is_guessable};
use reseal_store::Pin;
use zxcvbn::zxcvbn;

use crate::finding::Finding;
use crate::job::seal::Seal;
use crate::job::{Job, KeysetJob};

/// Texts that fewer guesses find are weak: 10 to this power. 16 characters drawn at random pass, and no phrase that is a
/// common word with some digits.
const FEWEST_GUESSES: f64 = 16.0;
/// A text that needs more guesses than these, as 100 random bits do, needs no iterations.
const OUT_OF_REACH: f64 = 30.0;
/// The least iterations of PBKDF2, by the OWASP Password Storage Cheat Sheet.
const ROUNDS_SHA256: u32 = 600_000;
const ROUNDS_SHA1: u32 = 1_300_000;

/// Why a key is weak.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Weakness {
    /// Its bytes have a pattern.
    Pattern(Pattern),
    /// It has fewer than 16 bytes.
    Short { bytes: usize },
    /// It is a text that guesses would find.
    Text,
    /// It is derived from a text by too few iterations of PBKDF2.
    Rounds { rounds: u32, least: u32 },
    /// A key that it follows has more bytes.
    Shorter { bytes: usize, before: usize },
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weakness::Pattern(pattern) => pattern.fmt(f),
            Weakness::Short { bytes: 1 } => f.write_str("it has only 1 byte"),
            Weakness::Short { bytes } => {
                write!(f, "it has {bytes} bytes, fewer than the required {ENOUGH_BYTES}")
            }
            Weakness::Text => f.write_str("it is text that is easy to guess"),
            Weakness::Rounds { rounds, least } => {
                write!(
                    f,
                    "it is derived from text by {rounds} iterations of PBKDF2, fewer than the required \
                     {least}"
                )
            }
            Weakness::Shorter { bytes, before } => {
                write!(f, "it has {bytes} bytes, fewer than the {before} bytes of a key that it replaces")
            }
        }
    }
}

/// A primary that is weak.
pub(crate) struct WeakKey {
    keyset: String,
    key: String,
    weakness: Weakness,
}

impl WeakKey {
    /// `keyset/key`, for the trail: why it is weak would help an attacker.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.keyset, self.key)
    }
}

/// The weak ones among the primaries that nothing is under yet. A primary with a pin has moved cells before; labels that
/// are roles have no pins, and are looked at each time.
pub(crate) fn of(job: &Job, fresh: &[Pin]) -> Vec<WeakKey> {
    let mut found = Vec::new();
    for keyset in job.keysets.iter().filter(|keyset| seals_under(job, keyset).next().is_some()) {
        let Some(primary) = keyset.keyset.primary() else { continue };
        let (name, key) = (keyset.keyset.name(), primary.id());
        let is_new = keyset.roles || fresh.iter().any(|pin| pin.keyset == name && pin.key_id == key);
        if is_new && let Some(weakness) = weakness(job, keyset, primary) {
            found.push(WeakKey { keyset: name.to_owned(), key: key.to_owned(), weakness });
        }
    }
    found
}

/// The same as findings: refusals, or warnings where they are accepted.
pub(super) fn check(job: &Job, fresh: &[Pin], is_accepted: bool) -> Vec<Finding> {
    let help = "generate a key with `reseal keys generate` and make it the primary, or pass `--accept-weak-key`, which the \
                audit trail records";
    let finding = |weak: WeakKey| {
        let why = format!("key `{}` of keyset `{}` is weak: {}", weak.key, weak.keyset, weak.weakness);
        match is_accepted {
            true => Finding::warning("weak-key", why, "accepted by `--accept-weak-key`"),
            false => Finding::refusal("weak-key", why, help),
        }
    };
    of(job, fresh).into_iter().map(finding).collect()
}

fn weakness(job: &Job, keyset: &KeysetJob, primary: &Key) -> Option<Weakness> {
    if primary.kek().is_some() {
        // Its bytes stay where they are kept.
        return None;
    }
    let bytes = primary.source_bytes();
    Pattern::of(bytes)
        .map(Weakness::Pattern)
        .or_else(|| text_or_short(bytes))
        .or_else(|| rounds(job, keyset, primary))
        .or_else(|| shorter(job, keyset, primary))
}

fn text_or_short(bytes: &[u8]) -> Option<Weakness> {
    match std::str::from_utf8(bytes) {
        Ok(text) => (zxcvbn(text, &[]).guesses_log10() < FEWEST_GUESSES).then_some(Weakness::Text),
        Err(_) => (bytes.len() < ENOUGH_BYTES).then_some(Weakness::Short { bytes: bytes.len() }),
    }
}

/// PBKDF2 makes guesses at a text costly, if it has rounds enough. Random bytes need none, nor do they as text: an application's
/// library may fix the number, and its key be out of reach whatever the number is.
fn rounds(job: &Job, keyset: &KeysetJob, primary: &Key) -> Option<Weakness> {
    let bytes = primary.source_bytes();
    let is_out_of_reach =
        |text: &str| bytes.len() >= ENOUGH_BYTES && zxcvbn(text, &[]).guesses_log10() >= OUT_OF_REACH;
    if !is_guessable(bytes) || std::str::from_utf8(bytes).is_ok_and(is_out_of_reach) {
        return None;
    }
    let of_seals = seals_under(job, keyset).filter_map(|seal| seal.kdf.as_ref());
    let kdfs = primary.derivation().map(|derivation| &derivation.kdf).into_iter().chain(of_seals);
    let weak = kdfs.filter_map(|kdf| match kdf {
        Kdf::Pbkdf2 { digest, rounds, .. } => {
            let least = if *digest == Digest::Sha1 { ROUNDS_SHA1 } else { ROUNDS_SHA256 };
            (*rounds < least).then_some(Weakness::Rounds { rounds: *rounds, least })
        }
        _ => None,
    });
    weak.last()
}

/// Keys are compared in length where cells go from one to the other and the format stays.
fn shorter(job: &Job, keyset: &KeysetJob, primary: &Key) -> Option<Weakness> {
    let bytes = primary.expose().len();
    let fields = job.tables.iter().flat_map(|table| &table.fields);
    let moved = fields.filter(|field| field.to.keyset.name() == keyset.keyset.name());
    let before = moved.flat_map(|field| {
        let alike = field.seals().filter(|seal| seal.format_name == field.to.format_name);
        alike.flat_map(|seal| seal.keyset.keys())
    });
    // The length of a text says nothing of how hard it is to guess.
    let random = before.filter(|key| key.kek().is_none() && !is_guessable(key.expose()));
    let before = random.map(|key| key.expose().len()).max()?;
    (bytes < before && !is_guessable(primary.expose())).then_some(Weakness::Shorter { bytes, before })
}

/// The seals that new cells get from a keyset's primary.
fn seals_under<'j>(job: &'j Job, keyset: &'j KeysetJob) -> impl Iterator<Item = &'j Seal> {
    let fields = job.tables.iter().flat_map(|table| &table.fields);
    fields.map(|field| &*field.to).filter(|seal| seal.keyset.name() == keyset.keyset.name())
}
