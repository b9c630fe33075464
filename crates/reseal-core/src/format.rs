//! The one joint that every ciphertext format fills.

use std::borrow::Cow;

use thiserror::Error;

use crate::{Cell, Key, Plaintext};

/// What a cell says about itself before any key is tried. A mark is a claim, not a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identified<'c> {
    /// The cell is not of this format.
    NotMine,
    /// The cell is of this format, and damaged beyond opening.
    Broken(Broken),
    /// The cell names the tag of its key.
    Marked(Cow<'c, str>),
    /// The cell is of this format and does not say which key it is sealed under.
    Unmarked,
}

/// Why a cell can be opened by no key: a short code in kebab-case, stable, free of cell content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{0}")]
pub struct Broken(pub &'static str);

impl Broken {
    /// Maximum length of a code in bytes. Columns that show codes are checked against it; the conformance suite
    /// holds formats to it.
    pub const LONGEST: usize = 40;
}

/// What a cell may say of its value beside the value's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValuePart {
    /// The name of the file that it was.
    FileName,
    /// Whether it is text, and in which encoding, or bytes: where cells of a seal differ in that.
    Type,
}

/// What authenticates the cells of a format that may also go without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalAuthentication {
    /// Its name: `MDC`.
    pub name: &'static str,
    /// How a plan gives it to cells without.
    pub help: &'static str,
}

/// Why a cell did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The cell did not open under this key. Another key may, unless the cell is damaged.
    #[error("not sealed under this key, or damaged")]
    NotThisKey,
    /// No key will open the cell.
    #[error("broken: {0}")]
    Broken(Broken),
}

/// Why a plaintext was not sealed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SealError {
    /// The format cannot hold this plaintext; the text says why and shows nothing of it.
    #[error("the format cannot store this value: {0}")]
    Unfit(&'static str),
    /// The key's bytes do not fit the format.
    #[error("key `{id}`: {why}")]
    Key {
        /// The key's id.
        id: String,
        /// What the format expects.
        why: &'static str,
    },
    /// The operating system gave no random bytes.
    #[error("cannot get random bytes from the operating system")]
    Random,
}

/// A kind of ciphertext: how cells are told apart, opened and sealed.
///
/// Implementations are pure: the same cell under the same key opens to the same plaintext, and nothing is read or
/// written but the arguments (sealing draws on the operating system's random source).
pub trait Format: Send + Sync {
    /// What the cell says about itself. Cheap: no cryptography.
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c>;

    /// The tag that a cell seems to name: a guess, for a cell that is most likely about to be opened and
    /// need not be taken apart twice. What does not open under the key of that tag is left to [`Format::identify`].
    fn tag_hint<'c>(&self, cell: &'c Cell) -> Option<&'c str> {
        let _ = cell;
        None
    }

    /// What every cell under the key of this tag begins with, and no cell under another; `None` where cells do not
    /// begin with their key's tag.
    fn prefix(&self, tag: &str) -> Option<Vec<u8>> {
        let _ = tag;
        None
    }

    /// Whether the format authenticates additional data beside the cell. One that does not opens and seals without any,
    /// and refuses a cell to which some is given.
    fn binds_aad(&self) -> bool {
        true
    }

    /// Whether the format itself looks at what a cell opens to, where nothing authenticates it, so that few enough wrong
    /// keys pass.
    fn validates(&self) -> bool {
        false
    }

    /// The algorithm that seals cells under a key of so many bits, as auditors know it: `AES-256-GCM`. `None` where the
    /// format's name says as much.
    fn algorithm(&self, key_bits: Option<usize>) -> Option<&'static str> {
        let _ = key_bits;
        None
    }

    /// What authenticates a cell, where the format has cells with and cells without; `None` where all are alike.
    fn optional_authentication(&self) -> Option<OptionalAuthentication> {
        None
    }

    /// What a cell says of its value, beside the value's bytes, that a cell of another format could not say. `text` is what
    /// the cell opened to.
    fn says_beside(&self, text: &Plaintext) -> Option<ValuePart> {
        let _ = text;
        None
    }

    /// What each cell is stamped with that a cell of another format could not hold, and that may mean nothing to anybody.
    fn stamp(&self) -> Option<&'static str> {
        None
    }

    /// What the form of all cells says of their values, such as `"c":true`: cells that do not say so hold other values.
    fn value_marks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Opens a cell.
    ///
    /// # Errors
    /// [`OpenError::NotThisKey`] when another key may open it, [`OpenError::Broken`] when none can.
    fn open(&self, cell: &Cell, key: &Key, aad: &[u8]) -> Result<Plaintext, OpenError>;

    /// Seals a plaintext. `like` is the cell it came from, so that what belongs to the value survives: a Fernet time
    /// stamp, an OpenPGP message's cipher and literal type.
    ///
    /// # Errors
    /// When the format cannot hold the value, the key does not fit, or no random bytes can be had.
    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError>;

    /// Seals a plaintext under the nonce that `beside` has in a column of its own: of cells that share that column. `like` is
    /// as above.
    ///
    /// # Errors
    /// As for [`Format::seal`], and where cells of the format cannot share a nonce.
    fn seal_beside(
        &self,
        text: &Plaintext,
        key: &Key,
        aad: &[u8],
        like: Option<&Cell>,
        beside: &Cell,
    ) -> Result<Cell<'static>, SealError> {
        let _ = (text, key, aad, like, beside);
        Err(SealError::Unfit("cells of this format cannot share a nonce"))
    }
}
