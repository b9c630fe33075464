//! The first use of keys by a run that found nothing to move: its pins wait for no swap.

use std::collections::BTreeSet;

use reseal_store::{RunLease, Session};

use crate::cell::field::FieldTarget;
use crate::error::RunError;
use crate::job::FieldJob;
use crate::preflight::first_use::{Shown, in_question, shown};
use crate::run::opening::Ready;

/// Pins the keys that still wait for a swap and whose ids are shown, by a cell that names the primary, by the lack of another
/// key, or by the operator's word. Keys that no cell was opened under stay unpinned.
pub(crate) async fn pin_what_is_shown(
    session: &mut Session,
    lease: &RunLease,
    Ready { targets, pins, accepted_keys }: &Ready,
) -> Result<(), RunError> {
    let waiting = pins.waiting().await;
    if waiting.is_empty() {
        return Ok(());
    }
    let asked: Vec<String> =
        in_question(targets, &waiting).iter().map(|keyset| keyset.name().to_owned()).collect();
    let fields = || targets.iter().flat_map(|target| &target.fields).map(FieldTarget::job);
    let names: BTreeSet<&str> = fields().map(|field| field.to.keyset.name()).collect();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    for name in names {
        let is = |other: &String| other == name;
        let is_shown = match asked.iter().any(is) && !accepted_keys.iter().any(is) {
            true => shown(session, targets, name, Shown::Named).await? == Shown::Named,
            false => shown(session, targets, name, Shown::OnlyPrimary).await? != Shown::Nothing,
        };
        let of_name = fields().filter(|field| is_shown && field.to.keyset.name() == name);
        used.extend(of_name.flat_map(FieldJob::seals).map(|seal| seal.keyset.name()));
    }
    pins.write(session, lease, |pin| used.contains(pin.keyset.as_str())).await
}
