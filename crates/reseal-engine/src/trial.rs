//! Whether other bytes of the same keys open the cells that the keys in use open: the trial of a backup.

use std::collections::BTreeMap;
use std::sync::Arc;

use reseal_store::Database;

use crate::cell::{Opening, Trust, open};
use crate::error::EngineError;
use crate::job::{Job, Scope};
use crate::preflight::layout;

/// Bytes of a sample at the most.
const SAMPLE_BYTES: usize = 16 << 20;

/// By keyset and key id: sampled cells under the key, and how many of them the other job opened under it.
pub type Tried = BTreeMap<(String, String), (u64, u64)>;

/// Opens up to `rows` rows of each table with the keys in use, and each cell that they open with those of `other`. Cells that
/// carry a DEK of their own are left out: their KEKs are in no backup.
///
/// # Errors
/// When the database refuses.
pub async fn try_cells(
    job: &Arc<Job>,
    other: &Arc<Job>,
    database: &Database,
    rows: usize,
) -> Result<Tried, EngineError> {
    let mut session = database.connect().await?;
    let targets = layout(&mut session, job, &Scope::default()).await?;
    let mut tried = Tried::new();
    for target in &targets {
        let sample = session.page(&target.shape, None, None, rows, SAMPLE_BYTES).await?;
        for (at, field) in target.table().fields.iter().enumerate() {
            let other_field = &other.tables[target.at].fields[at];
            for row in &sample {
                let cell = target.cell(at, &row.values);
                target.with_context(at, row, |context| {
                    let Opening::Opened(opened) =
                        open((job, field), cell.as_ref(), context, Trust::Nothing, None)
                    else {
                        return;
                    };
                    let Some(key) = opened.key else { return };
                    let seal = crate::cell::seals(field).nth(opened.seal);
                    let Some(keyset) = seal.map(|seal| seal.keyset.name()) else { return };
                    let counts = tried.entry((keyset.to_owned(), key.id().to_owned())).or_default();
                    counts.0 += 1;
                    let again = open((other, other_field), cell.as_ref(), context, Trust::Nothing, None);
                    if let Opening::Opened(again) = again
                        && again.key.is_some_and(|again| again.id() == key.id())
                        && again.text.expose() == opened.text.expose()
                    {
                        counts.1 += 1;
                    }
                });
            }
        }
    }
    Ok(tried)
}
