//! The suite that every format passes, mounted in the `tests/conformance.rs` of its plugin.
//!
//! It is ordinary test code behind the cargo feature `conformance`: a failed check panics with what was expected.
//!
//! ```no_run
//! # use reseal_core::{conformance::Suite, BuiltFormat, Key};
//! # fn built() -> BuiltFormat { unimplemented!() }
//! # fn keys() -> [Key; 2] { unimplemented!() }
//! Suite::new(built(), keys()).aad(b"clients.notes").run();
//! ```

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{Broken, BuiltFormat, Cell, Identified, Key, OpenError, Part, Plaintext, SealError, Value};

mod body;
mod damage;

#[cfg(test)]
mod tests;

/// One built format under test, with two keys of it.
pub struct Suite {
    built: BuiltFormat,
    keys: [Key; 2],
    aad: Vec<u8>,
    samples: Vec<Vec<u8>>,
    parts: Vec<Part>,
    has_idle_bytes: bool,
    is_deterministic: bool,
}

/// Plaintexts that any format for bytes holds: nothing, one byte, NUL bytes, text, no text, 64 KiB, 1 MiB.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let long = |length: usize| (0..length).map(|at| (at % 251) as u8).collect();
    vec![
        vec![],
        b"x".to_vec(),
        b"\0\0a\0".to_vec(),
        "Grüße, 世界 🌍\r\nline\n".as_bytes().to_vec(),
        vec![0xff, 0xfe, 0x80, 0xc3],
        b"sixteen bytes ok".to_vec(),
        long(1 << 16),
        long(1 << 20),
    ]
}

impl Suite {
    /// A suite over cells in one column, without additional data, with [`samples`].
    #[must_use]
    pub fn new(built: BuiltFormat, keys: [Key; 2]) -> Self {
        Suite {
            built,
            keys,
            aad: vec![],
            samples: samples(),
            parts: vec![Part::Ciphertext],
            has_idle_bytes: false,
            is_deterministic: false,
        }
    }

    /// Seals with additional data, and checks that a cell does not open under other additional data.
    #[must_use]
    pub fn aad(mut self, aad: &[u8]) -> Self {
        self.aad = aad.to_vec();
        self
    }

    /// Other plaintexts, for a format that cannot hold all of [`samples`].
    #[must_use]
    pub fn samples(mut self, samples: Vec<Vec<u8>>) -> Self {
        self.samples = samples;
        self
    }

    /// The columns of cells that lie in several.
    #[must_use]
    pub fn parts(mut self, parts: &[Part]) -> Self {
        self.parts = parts.to_vec();
        self
    }

    /// A cell has bytes that say nothing of its value, such as white space around armor: it opens to the same without them.
    #[must_use]
    pub fn with_idle_bytes(mut self) -> Self {
        self.has_idle_bytes = true;
        self
    }

    /// The same value sealed twice under one key gives the same cell: applications look cells up by it.
    #[must_use]
    pub fn deterministic(mut self) -> Self {
        self.is_deterministic = true;
        self
    }

    /// Runs every check but [`Suite::keeps`].
    ///
    /// # Panics
    /// When the format breaks a promise.
    pub fn run(&self) {
        for sample in &self.samples {
            let text = Plaintext::new(sample.clone());
            let cell = self.sealed(&text, 0, None);
            self.opens_to_what_was_sealed(sample, &cell);
            self.says_the_same_of_itself(&cell);
            if sample.len() < 100 {
                self.debug_shows_nothing(sample, &cell);
            }
            if !self.built.plaintext {
                self.opens_under_no_other_key_or_aad(&cell);
                let again = self.sealed(&text, 0, None);
                self.is_as_deterministic_as_said(&cell, &again);
                self.damage_never_opens_to_something_else(sample, &cell);
            }
        }
        self.nothing_makes_it_panic();
        self.property_what_it_seals_opens();
    }

    /// Checks that re-sealing an old cell under the second key keeps what belongs to the value: `trait_of` reads it
    /// off a cell. `old` are cells under the first key, such as a foreign producer made.
    ///
    /// # Panics
    /// When the trait or the plaintext is not kept.
    pub fn keeps<T: PartialEq + Debug>(&self, old: &[Cell], trait_of: impl Fn(&Cell) -> T) {
        for (at, old) in old.iter().enumerate() {
            let text = self.opened(old, 0).unwrap_or_else(|error| panic!("cell {at} does not open: {error}"));
            let new = self.sealed(&text, 1, Some(old));
            assert_eq!(trait_of(&new), trait_of(old), "cell {at} lost what belongs to it");
            let reopened = self.opened(&new, 1).unwrap_or_else(|error| panic!("cell {at} resealed: {error}"));
            assert!(reopened.same_as(&text), "cell {at} resealed opens to something else");
        }
    }

    /// Checks that damage done to old cells under the first key never opens them to something else.
    ///
    /// # Panics
    /// When it does.
    pub fn withstand_damage(&self, old: &[Cell]) {
        for (at, old) in old.iter().enumerate() {
            let text = self.opened(old, 0).unwrap_or_else(|error| panic!("cell {at} does not open: {error}"));
            self.damage_never_opens_to_something_else(text.expose(), old);
        }
    }

    fn opened(&self, cell: &Cell, key: usize) -> Result<Plaintext, OpenError> {
        let opened = self.built.format.open(cell, &self.keys[key], &self.aad);
        if let Err(OpenError::Broken(Broken(code))) = opened {
            assert!(
                code.len() <= Broken::LONGEST,
                "the code {code} is longer than a column for codes must be"
            );
        }
        opened
    }

    fn sealed(&self, text: &Plaintext, key: usize, like: Option<&Cell>) -> Cell<'static> {
        let cell = self.built.format.seal(text, &self.keys[key], &self.aad, like);
        let cell = cell.unwrap_or_else(|error| panic!("{} bytes do not seal: {error}", text.expose().len()));
        let parts: Vec<Part> = cell.parts().map(|(part, _)| part).collect();
        assert_eq!(parts.len(), self.parts.len(), "a cell has the parts {parts:?}");
        for (part, value) in cell.parts() {
            assert!(self.parts.contains(&part), "a cell has the part {part:?}");
            let is_text = matches!(value, Value::Text(_));
            assert!(is_text || self.built.binary || self.built.plaintext, "{part:?} is {value:?}, not text");
        }
        cell
    }

    fn opens_to_what_was_sealed(&self, sample: &[u8], cell: &Cell) {
        // A text may lie in a binary column, and the other way round where it is text.
        for cell in [cell.clone(), as_bytes(cell), as_text(cell)] {
            let text =
                self.opened(&cell, 0).unwrap_or_else(|error| panic!("{} bytes: {error}", sample.len()));
            assert!(text.expose() == sample, "{} bytes opened to something else", sample.len());
            assert!(text.is_authenticated() || !self.built.authenticated, "not authenticated");
        }
    }

    fn says_the_same_of_itself(&self, cell: &Cell) {
        for cell in [cell.clone(), as_bytes(cell), as_text(cell)] {
            match self.built.format.identify(&cell) {
                Identified::Marked(tag) => {
                    assert!(self.built.marked, "a cell names a key, and the format is said to be unmarked");
                    assert_eq!(tag, self.keys[0].tag());
                }
                Identified::Unmarked => {
                    assert!(!self.built.marked, "a cell names no key, and the format is said to be marked");
                }
                other => panic!("a sealed cell is {other:?}"),
            }
        }
    }

    /// Two cells of one value under one key.
    fn is_as_deterministic_as_said<'c>(&self, cell: &Cell<'c>, again: &Cell<'c>) {
        let size = cell.size();
        match self.is_deterministic {
            true => assert_eq!(cell, again, "sealing twice gave two cells ({size} bytes)"),
            false => assert_ne!(cell, again, "sealing twice gave one cell ({size} bytes)"),
        }
    }

    fn opens_under_no_other_key_or_aad(&self, cell: &Cell) {
        if !self.built.authenticated {
            return;
        }
        assert_eq!(self.opened(cell, 1).err(), Some(OpenError::NotThisKey), "under another key");
        if !self.aad.is_empty() {
            let other = [&self.aad[..], b"x"].concat();
            for aad in [&other[..], b""] {
                let opened = self.built.format.open(cell, &self.keys[0], aad);
                assert_eq!(opened.err(), Some(OpenError::NotThisKey), "under other additional data");
            }
        }
    }

    fn debug_shows_nothing(&self, sample: &[u8], cell: &Cell) {
        let text = Plaintext::new(sample.to_vec());
        let shown = format!("{:?} {:?} {text:?}", cell, self.keys);
        let spelled = |bytes: &[u8]| {
            [String::from_utf8_lossy(bytes).into_owned(), hex::encode(bytes), format!("{bytes:?}")]
        };
        let secrets = self.keys.iter().map(Key::expose).chain([sample]).filter(|secret| secret.len() >= 4);
        for secret in secrets.flat_map(spelled) {
            assert!(!shown.contains(&secret), "debug output shows a secret");
        }
    }

    fn damage_never_opens_to_something_else(&self, sample: &[u8], cell: &Cell) {
        let is_authenticated = self.opened(cell, 0).is_ok_and(|text| text.is_authenticated());
        for (part, value) in cell.parts() {
            let bytes = value.bytes().unwrap_or_default();
            damage::each(&bytes, cell.size(), |what, damaged| {
                let damaged = cell.clone().with(part, value_of(damaged));
                let _ = self.built.format.identify(&damaged);
                // A cell without authentication opens to anything; that it does not panic is all to ask.
                if let Ok(text) = self.opened(&damaged, 0)
                    && is_authenticated
                {
                    let size = sample.len();
                    assert!(
                        text.expose() == sample,
                        "{part:?} {what}: {size} bytes opened to something else"
                    );
                }
            });
        }
    }

    fn nothing_makes_it_panic(&self) {
        let odd = [Value::Null, Value::Int(-7), Value::Uuid([7; 16]), Value::Text(String::new())];
        let mut cells = vec![Cell::of(vec![])];
        for value in odd {
            cells.extend(self.parts.iter().map(|part| Cell::of(vec![(*part, value.clone())])));
            cells.push(Cell::of(self.parts.iter().map(|part| (*part, value.clone()))));
            let sealed = self.sealed(&Plaintext::new(self.samples[1].clone()), 0, None);
            cells.extend(self.parts.iter().map(|part| sealed.clone().with(*part, value.clone())));
        }
        for cell in &cells {
            self.stays_calm(cell);
        }
        let parts = self.parts.len();
        let values = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), parts);
        let random = values.prop_map(|values| {
            let values = values.iter().map(|bytes| value_of(bytes));
            Cell::of(self.parts.iter().copied().zip(values))
        });
        property(&random, |cell| self.stays_calm(&cell));
    }

    /// A value that this format did not seal opens under no key, neither for reading nor as a model for sealing.
    fn stays_calm(&self, cell: &Cell) {
        let _ = self.built.format.identify(cell);
        let opened = self.opened(cell, 0);
        assert!(self.built.plaintext || !self.built.authenticated || opened.is_err(), "a random cell opened");
        let text = Plaintext::new(self.samples[1].clone());
        match self.built.format.seal(&text, &self.keys[0], &self.aad, Some(cell)) {
            Ok(_) | Err(SealError::Unfit(_)) => {}
            Err(error) => panic!("sealing like a random cell: {error}"),
        }
    }

    fn property_what_it_seals_opens(&self) {
        property(&prop::collection::vec(any::<u8>(), 0..300), |sample| {
            let text = Plaintext::new(sample.clone());
            match self.built.format.seal(&text, &self.keys[0], &self.aad, None) {
                Ok(cell) => self.opens_to_what_was_sealed(&sample, &cell),
                Err(SealError::Unfit(_)) => {}
                Err(error) => panic!("{error}"),
            }
        });
    }
}

fn property<S: Strategy>(strategy: &S, check: impl Fn(S::Value)) {
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(strategy, |value| {
        check(value);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

/// Bytes as a database would hand them over: as text where they are text.
fn value_of(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(bytes.to_vec()),
    }
}

fn as_text<'c>(cell: &Cell<'c>) -> Cell<'c> {
    map(cell, |value| value.bytes().map_or(Value::Null, |bytes| value_of(&bytes)))
}

fn as_bytes<'c>(cell: &Cell<'c>) -> Cell<'c> {
    map(cell, |value| value.bytes().map_or(Value::Null, |bytes| Value::Bytes(bytes.into_owned())))
}

fn map<'c>(cell: &Cell<'c>, of: impl Fn(&Value) -> Value) -> Cell<'c> {
    Cell::of(cell.parts().map(|(part, value)| (part, of(value))))
}
