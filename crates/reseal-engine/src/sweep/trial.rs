//! Whether other bytes of the same keys open the cells that the keys in use open: the trial of a backup. Of cells that
//! carry a DEK no backup holds the KEK, so the KEK itself is asked, where it can be.

use std::collections::BTreeMap;
use std::sync::Arc;

use reseal_core::{Cell, Key, Part};
use reseal_store::{Database, Row};

use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::field::FieldTarget;
use crate::cell::layout::layout;
use crate::cell::open::{Opener, Opening, Trust};
use crate::error::RunError;
use crate::job::Job;
use crate::job::scope::Scope;

/// The most bytes of a sample.
const SAMPLE_BYTES: usize = 16 << 20;

/// What came of a trial. Keys are named by keyset and id.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// Sampled cells under the key, and how many of them the other job opened under it.
    pub keys: BTreeMap<(String, String), (u64, u64)>,
    /// Sampled cells that carry a DEK, and opened with the help of the KEK that wraps it.
    pub keks: BTreeMap<(String, String), u64>,
    /// Fields with sampled cells that carry a DEK of which none opened: the field, how many, and why.
    pub not_covered: Vec<(String, u64, String)>,
}

/// Opens up to `rows` rows of each table with the keys in use, and each cell that they open with those of `other`. For
/// cells that carry a DEK the KEK in use is asked, and nothing of `other` is proved by them.
///
/// # Errors
/// When the database refuses.
pub async fn try_cells(
    job: &Arc<Job>,
    other: &Arc<Job>,
    database: &Database,
    rows: usize,
) -> Result<Tried, RunError> {
    let mut session = database.read_only().connect().await?;
    let targets = layout(&mut session, job, &Scope::default()).await?;
    let mut tried = Tried::default();
    for target in &targets {
        let sample = session.page(&target.shape, None, None, rows, SAMPLE_BYTES).await?;
        let (deks, why) = match prepare(target, &sample, Stage::Open).await {
            Ok(deks) => (deks, "no cell opens".to_owned()),
            Err(error) => (None, error.to_string()),
        };
        for field in &target.fields {
            let restored = &other.tables[target.at].fields[field.at];
            let restored = Opener { job: other, field: restored, trust: Trust::Nothing, deks: None };
            let (mut carried, mut opened) = (0, 0);
            for row in &sample {
                match tried.cell(field, &restored, row, deks.as_deref()) {
                    Some(true) => (carried, opened) = (carried + 1, opened + 1),
                    Some(false) => carried += 1,
                    None => {}
                }
            }
            if carried > 0 && opened == 0 {
                let field = format!("{}.{}", target.label(), field.job().name);
                tried.not_covered.push((field, carried, why.clone()));
            }
        }
    }
    Ok(tried)
}

impl Tried {
    /// Tries one cell, with the keys in use and as `restored` opens it. For one that carries a DEK: whether it opened.
    fn cell(
        &mut self,
        field: &FieldTarget,
        restored: &Opener<'_, '_>,
        row: &Row,
        deks: Option<&Deks>,
    ) -> Option<bool> {
        let cell = field.cell(&row.values);
        let carries = cell.as_ref().is_some_and(carries_dek);
        let opener = field.opener(Trust::Nothing, deks);
        field.with_context(row, |context| {
            let opening = opener.open(cell.as_ref(), context);
            let Opening::Opened(opened) = opening else { return carries.then_some(false) };
            let keyset = field.job().seals().nth(opened.seal).map(|seal| seal.keyset.name().to_owned());
            let (Some(keyset), Some(key)) = (keyset, opened.key.map(Key::id)) else { return None };
            let name = (keyset, key.to_owned());
            if carries {
                *self.keks.entry(name).or_default() += 1;
                return Some(true);
            }
            let counts = self.keys.entry(name).or_default();
            counts.0 += 1;
            if let Opening::Opened(again) = restored.open(cell.as_ref(), context)
                && again.key.is_some_and(|again| again.id() == key)
                && again.text.expose() == opened.text.expose()
            {
                counts.1 += 1;
            }
            None
        })
    }
}

/// Whether a cell carries a DEK of its own.
fn carries_dek(cell: &Cell) -> bool {
    let has = |part: Part| cell.get(part).is_some_and(|value| !value.is_null());
    has(Part::WrappedDek) && has(Part::Ciphertext)
}
