//! What a cell opens to.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The opened content of a cell. Wiped when dropped, never shown.
#[derive(Clone)]
pub struct Plaintext {
    bytes: Zeroizing<Vec<u8>>,
    authenticated: bool,
    aside: Option<Zeroizing<Vec<u8>>>,
}

impl Plaintext {
    /// A plaintext that the format authenticated, or that never was a ciphertext.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Plaintext { bytes: Zeroizing::new(bytes), authenticated: true, aside: None }
    }

    /// A plaintext whose format carries no authentication: that it opened proves little.
    #[must_use]
    pub fn unauthenticated(bytes: Vec<u8>) -> Self {
        Plaintext { bytes: Zeroizing::new(bytes), authenticated: false, aside: None }
    }

    /// The bytes. Whoever calls this answers for where they go.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// False where the cell carries no authentication, so that another key could have opened it by chance.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// The same plaintext with what its cell said beside it, under the cell's own encryption: an OpenPGP literal type.
    ///
    /// Only the format that opened the cell can read it, and only when it seals with that cell as `like`: by then the
    /// key that opened the cell is out of reach.
    #[must_use]
    pub fn with_aside(mut self, aside: Vec<u8>) -> Self {
        self.aside = Some(Zeroizing::new(aside));
        self
    }

    /// What [`Plaintext::with_aside`] put beside the plaintext.
    #[must_use]
    pub fn aside(&self) -> Option<&[u8]> {
        self.aside.as_ref().map(|aside| aside.as_slice())
    }

    /// Whether both hold the same bytes, in time that depends on the length alone.
    #[must_use]
    pub fn same_as(&self, other: &Plaintext) -> bool {
        self.bytes.ct_eq(&other.bytes).into()
    }
}

impl fmt::Debug for Plaintext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plaintext(…)")
    }
}
