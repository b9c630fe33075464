//! Cells that repeat, byte for byte: look-ups by equality find them, and end where new cells no longer repeat.

use std::collections::HashMap;

use reseal_core::{Part, Value};

use crate::batch::planned::PlannedSwap;
use crate::cell::field::FieldTarget;
use crate::finding::Finding;

/// What there is to say of the cells of a field that repeat in a sample whose swaps are planned. That new cells do not
/// repeat is seen from these: no format has to say so.
pub(super) fn check(field: &FieldTarget, planned: &[PlannedSwap], cells: u64) -> Option<Finding> {
    let place = field.place_of(Part::Ciphertext)?;
    // What is plaintext repeats because values do.
    let moves = |planned: &&PlannedSwap| {
        planned.moved.fields.contains(field.at) && !planned.moved.plain.contains(field.at)
    };
    let mut new_of: HashMap<&Value, Vec<&Value>> = HashMap::new();
    for PlannedSwap { swap, .. } in planned.iter().filter(moves) {
        new_of.entry(&swap.old[place]).or_default().push(&swap.new[place]);
    }
    let differ = |new: &&Vec<&Value>| new.iter().any(|other| *other != new[0]);
    let lost: usize = new_of.values().filter(differ).map(Vec::len).sum();
    (lost > 0).then(|| {
        let name = format!("{}.{}", field.table_label(), field.job().name);
        Finding::warning(
            "look-ups-end",
            format!(
                "{name}: {lost} of {cells} sampled cells are byte-identical to other cells, but newly \
                     sealed cells will not be"
            ),
            "lookups, joins and unique indexes that compare these cells will stop working after this \
             rotation; if the application uses them, add a blind index first",
        )
    })
}
