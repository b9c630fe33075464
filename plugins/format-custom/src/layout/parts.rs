//! The parts of one cell, by name.

use std::sync::Arc;

/// The name of a part or of a named group.
pub(crate) type Name = Arc<str>;

/// A part as a cell has it.
#[derive(Clone, Default)]
struct Part {
    bytes: Vec<u8>,
    /// The part as it is written in the cell, where somebody asks for that.
    spelled: Option<Vec<u8>>,
}

/// The parts of one cell.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    parts: Vec<(Name, Part)>,
    flags: Vec<Name>,
}

impl Parts {
    pub(crate) fn get(&self, name: &str) -> Option<&[u8]> {
        self.part(name).map(|part| part.bytes.as_slice())
    }

    /// A part as it is written in the cell.
    pub(crate) fn spelled(&self, name: &str) -> Option<&[u8]> {
        self.part(name)?.spelled.as_deref()
    }

    fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|(known, _)| &**known == name).map(|(_, part)| part)
    }

    fn entry(&mut self, name: &Name) -> &mut Part {
        let at = self.parts.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.parts.push((name.clone(), Part::default()));
            self.parts.len() - 1
        });
        &mut self.parts[at].1
    }

    pub(crate) fn set(&mut self, name: &Name, bytes: Vec<u8>) {
        self.entry(name).bytes = bytes;
    }

    pub(crate) fn set_spelled(&mut self, name: &Name, text: &[u8]) {
        self.entry(name).spelled = Some(text.to_vec());
    }

    /// Takes a part's bytes out, so that they need not be copied.
    pub(crate) fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let part = self.parts.iter_mut().find(|(known, _)| &**known == name);
        part.map(|(_, part)| std::mem::take(&mut part.bytes))
    }

    pub(crate) fn has_flag(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| &**flag == name)
    }

    pub(crate) fn set_flag(&mut self, name: &str) {
        self.flags.push(name.into());
    }
}
