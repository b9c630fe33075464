//! Whether a cell is under the key that it must end with: the one rule that rotation, sweep and census go by.

use crate::job::FieldJob;

/// Where a cell stands on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Under the primary of the seal that it must end with.
    Current,
    /// Under another key or seal of the field, or not sealed though it must be: a run moves it.
    Old,
    /// Under no key that is known: nothing moves it.
    Unknown,
}

impl Standing {
    /// Where a cell of this seal and key stands: `seal` by its position among the field's, `key` by its id.
    pub(crate) fn of(field: &FieldJob, seal: Option<usize>, key: Option<&str>) -> Standing {
        let Some(at) = seal else { return Standing::Unknown };
        let primary = field.to.keyset.primary().map(reseal_core::Key::id);
        let plaintext = || field.seals().nth(at).is_some_and(|seal| seal.format.plaintext);
        match key {
            key if at == 0 && key == primary => Standing::Current,
            Some(_) => Standing::Old,
            None if plaintext() => Standing::Old,
            None => Standing::Unknown,
        }
    }
}
