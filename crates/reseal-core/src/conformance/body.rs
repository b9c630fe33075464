//! The same promises for any input: what a fuzzer, or a property test with a time limit, calls.

use crate::{Cell, Identified, Key, Part, Plaintext, SealError, Value};

use super::{Suite, value_of};

/// What precedes the bytes of an input: its kind, a place (two bytes) and a change.
const HEAD: usize = 4;
/// Kinds of inputs, by the first byte.
const VALUE: u8 = 0;
const CELL: u8 = 1;
/// No format may make more than this of a cell: 64 MiB is where inflating stops.
const MOST_OPENED: usize = 64 << 20;
/// What the plaintext of every sealed value begins with, so that it cannot occur in a message by chance.
const MARKER: &[u8] = b"zq-marker-of-a-plaintext-zq";

impl Suite {
    /// Checks one input: a plaintext that is sealed, opened and damaged, or a cell that may be anything.
    ///
    /// # Panics
    /// When the format breaks a promise.
    pub fn body(&self, data: &[u8]) {
        let Some((&[kind, high, low, change], rest)) = data.split_first_chunk::<HEAD>() else { return };
        let place = usize::from(u16::from_be_bytes([high, low]));
        match kind % 2 {
            VALUE => self.any_value_holds(rest, place, change.max(1)),
            _ => self.any_cell_is_safe(rest, place, change.max(1)),
        }
    }

    /// Inputs to begin with: each sample, each sample sealed, and cells that others made.
    #[must_use]
    pub fn seeds(&self, cells: &[Cell]) -> Vec<Vec<u8>> {
        let short = self.samples.iter().filter(|sample| sample.len() < 1000);
        let sealed = short.clone().map(|sample| self.sealed(&Plaintext::new(sample.clone()), 0, None));
        let values = short.map(|sample| input(VALUE, 0, sample));
        values.chain(sealed.chain(cells.iter().cloned().map(own)).map(|cell| self.seed_of(&cell))).collect()
    }

    /// The input that [`Suite::cell_of`] makes this cell of, where its parts are short.
    fn seed_of(&self, cell: &Cell) -> Vec<u8> {
        let parts: Vec<_> = self.parts.iter().map(|part| cell.bytes(*part).unwrap_or_default()).collect();
        let place = parts.iter().skip(1).fold(0, |place, part| place << 5 | part.len());
        // The parts of fixed length come first.
        let bytes: Vec<u8> =
            parts.iter().skip(1).chain(parts.first()).flat_map(|part| part.to_vec()).collect();
        input(CELL, u16::try_from(place).unwrap_or_default(), &bytes)
    }

    /// A cell of these bytes; `place` says how long each part but the ciphertext is, in five bits each.
    fn cell_of(&self, bytes: &[u8], place: usize) -> Cell<'static> {
        let others = self.parts.len() - 1;
        let mut rest = bytes;
        let mut cell = Cell::of(vec![]);
        for (at, part) in self.parts.iter().skip(1).enumerate() {
            let length = place >> (5 * (others - 1 - at)) & 31;
            let (piece, after) = rest.split_at(length.min(rest.len()));
            cell = cell.with(*part, value_of(piece));
            rest = after;
        }
        cell.with(self.parts[0], value_of(rest))
    }

    fn any_value_holds(&self, sample: &[u8], place: usize, change: u8) {
        let text = Plaintext::new(sample.to_vec());
        let cell = match self.built.format.seal(&text, &self.keys[0], &self.aad, None) {
            Err(SealError::Unfit(_)) => return,
            cell => cell.unwrap_or_else(|error| panic!("{error}")),
        };
        self.opens_to_what_was_sealed(sample, &cell);
        self.says_the_same_of_itself(&cell);
        self.hints_agree(&cell);
        self.opens_like_another(&text, &cell);
        if !self.built.plaintext {
            self.opens_under_no_other_key_or_aad(&cell);
            assert_ne!(cell, self.sealed(&text, 0, None), "sealing twice gave one cell");
            self.a_changed_byte_never_opens(&cell, place, change);
            self.no_message_shows_a_secret(sample, place, change);
        }
    }

    fn any_cell_is_safe(&self, bytes: &[u8], place: usize, change: u8) {
        let cell = self.cell_of(bytes, place);
        self.hints_agree(&cell);
        let Ok(text) = self.opened(&cell, 0) else {
            return self.can_be_a_model(&cell);
        };
        assert!(text.expose().len() <= MOST_OPENED, "{} bytes out of {}", text.expose().len(), bytes.len());
        self.opens_like_another(&text, &cell);
        if !self.built.plaintext && text.is_authenticated() {
            // Only what was sealed under the key opens, and these are the only values that were.
            let known = self.samples.iter().any(|sample| sample == text.expose());
            assert!(known, "a cell opened that nobody sealed");
            self.a_changed_byte_never_opens(&cell, place, change);
        }
    }

    /// Sealed again under the second key, like the cell that it came from, the value is the same.
    fn opens_like_another(&self, text: &Plaintext, cell: &Cell) {
        let new = match self.built.format.seal(text, &self.keys[1], &self.aad, Some(cell)) {
            Err(SealError::Unfit(_)) => return,
            new => new.unwrap_or_else(|error| panic!("{error}")),
        };
        let again = self.opened(&new, 1).unwrap_or_else(|error| panic!("resealed: {error}"));
        assert!(again.same_as(text), "resealed, it opens to something else");
        let aside = text.aside();
        assert!(aside.is_none() || again.aside() == aside, "resealed, it says something else beside");
    }

    /// Nothing that a column may hold keeps a value from being sealed like it.
    fn can_be_a_model(&self, cell: &Cell) {
        match self.built.format.seal(&Plaintext::new(b"x".to_vec()), &self.keys[0], &self.aad, Some(cell)) {
            Ok(_) | Err(SealError::Unfit(_)) => {}
            Err(error) => panic!("sealing like any cell: {error}"),
        }
    }

    /// What is said of a cell before it is opened does not contradict itself.
    fn hints_agree(&self, cell: &Cell) {
        let format = &self.built.format;
        let hint = format.tag_hint(cell);
        let Identified::Marked(tag) = format.identify(cell) else { return };
        assert!(hint.is_none_or(|hint| hint == tag), "the hint is not the mark");
        if let (Some(prefix), Some(bytes)) = (format.prefix(&tag), cell.bytes(Part::Ciphertext)) {
            assert!(bytes.starts_with(&prefix), "a marked cell does not begin with its prefix");
        }
    }

    /// A cell with one byte changed does not open; unless only its mark was hit, which is a claim, or a part that says
    /// nothing, where the format has such: then it opens to the same.
    fn a_changed_byte_never_opens(&self, cell: &Cell, place: usize, change: u8) {
        let Ok(text) = self.opened(cell, 0) else { return };
        if !text.is_authenticated() {
            return;
        }
        for (part, value) in cell.parts() {
            let mut bytes = value.bytes().unwrap_or_default().into_owned();
            if bytes.is_empty() {
                continue;
            }
            let at = place % bytes.len();
            bytes[at] ^= change;
            let damaged = cell.clone().with(part, value_of(&bytes));
            let Ok(read) = self.opened(&damaged, 0) else { continue };
            assert!(read.same_as(&text), "byte {at} of {part:?} changed: another value");
            let renamed = self.built.format.identify(&damaged) != self.built.format.identify(cell);
            assert!(renamed || self.has_idle_bytes, "byte {at} of {part:?} changed, and the cell opens");
        }
    }

    fn no_message_shows_a_secret(&self, sample: &[u8], place: usize, change: u8) {
        let sample = [MARKER, sample].concat();
        let Ok(cell) = self.built.format.seal(&Plaintext::new(sample), &self.keys[0], &self.aad, None) else {
            return;
        };
        let mut bytes = cell.bytes(Part::Ciphertext).unwrap_or_default().into_owned();
        let at = place % bytes.len().max(1);
        bytes[at] ^= change;
        let damaged = cell.clone().with(Part::Ciphertext, value_of(&bytes));
        let opened = [self.opened(&cell, 0), self.opened(&cell, 1), self.opened(&damaged, 0)];
        let errors = opened.iter().filter_map(|opened| opened.as_ref().err()).map(ToString::to_string);
        let shown = format!("{opened:?} {cell:?} {damaged:?} {:?}", self.keys) + &errors.collect::<String>();
        for secret in self.keys.iter().map(Key::expose).chain([MARKER]) {
            let spelled =
                [String::from_utf8_lossy(secret).into_owned(), hex::encode(secret), format!("{secret:?}")];
            assert!(spelled.iter().all(|spelled| !shown.contains(spelled)), "a message shows a secret");
        }
    }
}

fn input(kind: u8, place: u16, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = place.to_be_bytes();
    [&[kind, high, low, 1], bytes].concat()
}

fn own(cell: Cell) -> Cell<'static> {
    Cell::of(cell.parts().map(|(part, value): (Part, &Value)| (part, value.clone())).collect::<Vec<_>>())
}
