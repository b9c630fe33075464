//! The first use of keys. Nothing is pinned yet, so the cells alone can show that no two keys have changed places.

use std::sync::Arc;

use reseal_core::{Key, Keyset};
use reseal_store::{Pin, Row, Session};

use crate::batch::joined;
use crate::cell::claim::{Claim, claim};
use crate::cell::condition::of_condition;
use crate::cell::deks::{Deks, Stage, prepare};
use crate::cell::field::FieldTarget;
use crate::cell::open::{Opening, Trust};
use crate::cell::target::Target;
use crate::error::RunError;
use crate::finding::Finding;
use crate::job::FieldJob;

/// Rows of a page.
const ROWS: usize = 1000;
/// Rows of a page of a table with envelopes: a KEK may be asked about each cell.
const ROWS_OF_ENVELOPES: usize = 50;
/// The most bytes of a page.
const BYTES: usize = 4 << 20;

/// What the cells of a keyset show of its keys. Each shows more than the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    /// No cell opens.
    Nothing,
    /// Cells open under the primary alone, and none names it.
    OnlyPrimary,
    /// A cell names the primary, and opens under it.
    Named,
    /// A cell is under another key, and will be moved.
    Old,
}

/// Refuses keysets whose cells are all under the primary already, as they would be if two keys had changed places.
pub(super) async fn check(
    session: &mut Session,
    targets: &[Arc<Target>],
    fresh: &[Pin],
    accepted: &[String],
) -> Result<Vec<Finding>, RunError> {
    let mut findings = Vec::new();
    for keyset in in_question(targets, fresh) {
        let name = keyset.name();
        if !accepted.iter().any(|other| other == name)
            && shown(session, targets, name, Shown::Named).await? == Shown::OnlyPrimary
        {
            findings.push(unproven(&keyset));
        }
    }
    Ok(findings)
}

fn unproven(keyset: &Keyset) -> Finding {
    let (name, primary) = (keyset.name(), keyset.primary().map(Key::id).unwrap_or_default());
    Finding::refusal(
        "keys-unproven",
        format!(
            "keyset `{name}`: every cell is already under `{primary}`, but no run has pinned the keys yet; \
             swapped keys would look the same"
        ),
        format!(
            "check that the plan's source for `{primary}` gives the new key. If it does, pass `--accept-keys \
             {name}` to `reseal run`; otherwise correct the sources. Nothing was written or pinned"
        ),
    )
}

/// The keysets of which two keys could have changed places unseen.
pub(crate) fn in_question(targets: &[Arc<Target>], fresh: &[Pin]) -> Vec<Arc<Keyset>> {
    let mut keysets: Vec<Arc<Keyset>> = Vec::new();
    for field in targets.iter().flat_map(|target| &target.fields).map(FieldTarget::job) {
        let known = keysets.iter().any(|other| other.name() == field.to.keyset.name());
        if !known && may_be_swapped(field, fresh) {
            keysets.push(field.to.keyset.clone());
        }
    }
    keysets
}

/// The keysets in question of which somebody says that each key has its own id.
pub(crate) fn accepted(targets: &[Arc<Target>], fresh: &[Pin], said: &[String]) -> Vec<String> {
    let names = in_question(targets, fresh).into_iter().map(|keyset| keyset.name().to_owned());
    names.filter(|name| said.contains(name)).collect()
}

/// Whether the primary of a field and another key that opens cells of its format are both used for the first time.
fn may_be_swapped(field: &FieldJob, fresh: &[Pin]) -> bool {
    let is_fresh = |keyset: &Keyset, key: &Key| {
        fresh.iter().any(|pin| pin.keyset == keyset.name() && pin.key_id == key.id())
    };
    let to = &field.to;
    let Some(primary) = to.keyset.primary().filter(|primary| is_fresh(&to.keyset, primary)) else {
        return false;
    };
    let alike = field.seals().filter(|seal| seal.format_name == to.format_name);
    let mut keys = alike.flat_map(|seal| seal.keyset.keys().iter().map(|key| (&seal.keyset, key)));
    keys.any(|(keyset, key)| {
        let is_primary = keyset.name() == to.keyset.name() && key.id() == primary.id();
        !is_primary && is_fresh(keyset, key)
    })
}

/// What the cells that end under a keyset show of its keys; once they show `enough`, no more are read.
pub(crate) async fn shown(
    session: &mut Session,
    targets: &[Arc<Target>],
    keyset: &str,
    enough: Shown,
) -> Result<Shown, RunError> {
    let mut best = Shown::Nothing;
    for target in targets.iter().filter(|target| fields(target, keyset).next().is_some()) {
        let rows = if target.enveloped { ROWS_OF_ENVELOPES } else { ROWS };
        let mut after = None;
        loop {
            let page = session.page(&target.shape, after.as_ref(), None, rows, BYTES).await;
            let page = page.map_err(|error| of_condition(target, error))?;
            let Some(last) = page.last().map(|row| row.key.clone()) else { break };
            after = Some(last);
            let deks = prepare(target, &page, Stage::Open).await?;
            let (target, keyset) = (target.clone(), keyset.to_owned());
            let page = move || of_page(&target, &keyset, &page, deks.as_deref(), enough);
            best = best.max(joined(tokio::task::spawn_blocking(page)).await);
            if best >= enough {
                return Ok(best);
            }
        }
    }
    Ok(best)
}

/// The fields whose cells end under a keyset.
fn fields<'t>(target: &'t Target, keyset: &str) -> impl Iterator<Item = &'t FieldTarget> {
    target.fields.iter().filter(move |field| field.job().to.keyset.name() == keyset)
}

fn of_page(target: &Target, keyset: &str, page: &[Row], deks: Option<&Deks>, enough: Shown) -> Shown {
    let mut best = Shown::Nothing;
    for row in page {
        for field in fields(target, keyset) {
            best = best.max(of_cell(field, row, deks));
            if best >= enough {
                return best;
            }
        }
    }
    best
}

fn of_cell(field: &FieldTarget, row: &Row, deks: Option<&Deks>) -> Shown {
    let Opening::Opened(opened) = field.open_with_mirrors(row, Trust::Nothing, deks) else {
        return Shown::Nothing;
    };
    if !opened.current {
        return Shown::Old;
    }
    let to = &field.job().to;
    let names_primary = || {
        let cell = field.cell(&row.values)?;
        match claim(to, &cell) {
            Claim::Mark(Some(tag)) => Some(to.is_primary_tag(&tag)),
            Claim::Mark(None) | Claim::Broken(_) | Claim::No => None,
        }
    };
    // A mark is a claim: it counts where the key that it names proves that the cell is its own.
    match opened.text.is_authenticated() && names_primary() == Some(true) {
        true => Shown::Named,
        false => Shown::OnlyPrimary,
    }
}
