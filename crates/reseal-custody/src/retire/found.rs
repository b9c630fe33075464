//! Which key a command names: by what the plan calls it now, else by the beginning of its fingerprint.
//!
//! **Invariant:** where the ids of a keyset are roles, none of them is looked for in the catalogue: the key that had a label
//! first may have another one by now, and the label may be another key's.

use reseal_control::{ControlSession, KeyRow};

use super::{Custodian, Named};
use crate::catalogue::{self, CatalogueEntry};
use crate::error::{CustodyError, RetireError};

/// The catalogue's entry for a key, under the id that the plan has for it now.
pub(super) struct Found {
    pub(super) row: KeyRow,
    /// Whether the plan has its bytes; else the id is the one that it last had, which may be another key's by now.
    pub(super) in_plan: bool,
    /// Whether it is the plan's primary.
    pub(super) primary: bool,
}

impl Custodian<'_> {
    /// The catalogue's entry for a key: by its bytes where the plan has them, else by its id or the beginning of its
    /// fingerprint.
    ///
    /// # Errors
    /// When there is no such key, or several that cannot be told apart.
    pub async fn row(&self, control: &mut ControlSession, named: &Named) -> Result<KeyRow, CustodyError> {
        self.found(control, named).await.map(|found| found.row)
    }

    pub(super) async fn found(
        &self,
        control: &mut ControlSession,
        named: &Named,
    ) -> Result<Found, CustodyError> {
        let entries = catalogue::enter(control, self.job).await?;
        let named_so = |entry: &&CatalogueEntry| entry.key_id == named.key_id && named.is_of(&entry.keyset);
        let mut found: Vec<Found> = entries.iter().filter(named_so).filter_map(in_plan).collect();
        let known = match found.is_empty() {
            true => control.catalogued(&self.plan.name).await?,
            false => Vec::new(),
        };
        let of_keyset = known.into_iter().filter(|row| named.is_of(&row.keyset));
        let (ours, once): (Vec<KeyRow>, Vec<KeyRow>) =
            of_keyset.partition(|row| named.is_print_of(row) || !self.has_roles(&row.keyset));
        let fits = ours.into_iter().filter(|row| row.key_id == named.key_id || named.is_print_of(row));
        found.extend(fits.map(|row| found_in(&entries, row)));
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(self.none_such(named, &once)),
            count => {
                let (plan, key) = (self.plan.name.clone(), named.key_id.clone());
                Err(RetireError::Ambiguous { count, plan, key }.into())
            }
        }
    }

    /// Whether the ids of a keyset are roles.
    pub(super) fn has_roles(&self, keyset: &str) -> bool {
        self.plan.keysets.iter().any(|other| other.roles && other.name == keyset)
    }

    /// Why no key is found: of the keys whose ids are roles, those that had this label once are named.
    fn none_such(&self, named: &Named, of_roles: &[KeyRow]) -> CustodyError {
        let (plan, key) = (self.plan.name.clone(), named.key_id.clone());
        let once: Vec<&KeyRow> = of_roles.iter().filter(|row| row.key_id == named.key_id).collect();
        if once.is_empty() {
            return CustodyError::NoSuchKey { plan, key };
        }
        let print = |row: &&KeyRow| {
            format!("{} ({})", &row.fingerprint[..PRINT.min(row.fingerprint.len())], row.state)
        };
        RetireError::NoLabel { plan, key, once: once.iter().map(print).collect() }.into()
    }
}

/// How much of a fingerprint is shown: enough to name a key by.
const PRINT: usize = 16;

impl Named {
    fn is_of(&self, keyset: &str) -> bool {
        self.keyset.as_deref().is_none_or(|wanted| wanted == keyset)
    }

    /// Whether it is the beginning of a key's fingerprint.
    fn is_print_of(&self, row: &KeyRow) -> bool {
        const SHORTEST: usize = 12;
        self.key_id.len() >= SHORTEST && row.fingerprint.starts_with(&self.key_id)
    }
}

/// A key of the catalogue, as the plan has it if it does.
fn found_in(entries: &[CatalogueEntry], row: KeyRow) -> Found {
    let same = |entry: &&CatalogueEntry| entry.row.as_ref().is_some_and(|other| other.id == row.id);
    let here = entries.iter().find(same).and_then(in_plan);
    here.unwrap_or(Found { row, in_plan: false, primary: false })
}

/// A key of the plan, by the id that it has there: the catalogue may have met it under another.
fn in_plan(entry: &CatalogueEntry) -> Option<Found> {
    let row = KeyRow { key_id: entry.key_id.clone(), ..entry.row.clone()? };
    Some(Found { row, in_plan: true, primary: entry.primary })
}
