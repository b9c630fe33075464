//! What a run works on, as the event of its beginning has it: certificates and reports are made of this, years later, when
//! neither plan nor database may say it any more.

use std::collections::HashSet;

use reseal_control::ControlSession;
use reseal_core::audit::Event;
use reseal_engine::{FieldJob, Job, RunError, TableJob};
use reseal_store::{RunRow, Session};
use serde_json::json;

use super::digest_of;
use crate::catalogue;

/// An event with the database, the tables, the fields and the keys of a run.
pub(super) async fn described(
    event: Event,
    control: &mut ControlSession,
    session: &mut Session,
    job: &Job,
    run: &RunRow,
) -> Result<Event, RunError> {
    let event = event.with("database", session.database_identity().await?.encode());
    let tables = session.run_tables(&run.id).await?;
    let in_scope: HashSet<&str> = tables.iter().map(|table| table.label.as_str()).collect();
    let event = tables
        .iter()
        .fold(event, |event, table| event.with(&format!("table.{}", table.label), table.encode()));
    let event =
        job.tables.iter().fold(event, |event, table| match in_scope.contains(&*table.name.to_string()) {
            true => fields(event, table),
            false => event,
        });
    keys_without_pins(old_keys(event, job), control, job).await
}

/// What the cells of each field end with, and from what.
fn fields(event: Event, table: &TableJob) -> Event {
    let named = |field: &FieldJob| format!("field.{}.{}", table.name, field.name);
    table.fields.iter().fold(event, |event, field| event.with(&named(field), field_text(field)))
}

fn field_text(field: &FieldJob) -> String {
    let from: Vec<&str> = field.from.iter().map(|seal| seal.name.as_str()).collect();
    json!({
        "seal": field.to.name,
        "keyset": field.to.keyset.name(),
        "algorithm": field.to.algorithm(),
        "key_bits": field.to.key_bits(),
        "from": from,
    })
    .to_string()
}

/// The keys beside the primary of each keyset that has one: those that the run moves cells away from.
fn old_keys(event: Event, job: &Job) -> Event {
    let mut event = event;
    for keyset in job.keysets.iter().map(|keyset| &keyset.keyset) {
        let Some(primary) = keyset.primary() else { continue };
        for key in keyset.keys().iter().filter(|key| key.id() != primary.id()) {
            event = event.with(&format!("old.{}", keyset.name()), key.id());
        }
    }
    event
}

/// Keysets whose labels are roles have no pins: their keys are named by the fingerprints of the catalogue.
async fn keys_without_pins(event: Event, control: &mut ControlSession, job: &Job) -> Result<Event, RunError> {
    let roles = |name: &str| job.keysets.iter().any(|keyset| keyset.roles && keyset.keyset.name() == name);
    if !job.keysets.iter().any(|keyset| keyset.roles) {
        return Ok(event);
    }
    let entries = catalogue::find(control, job).await?;
    Ok(entries.iter().filter(|entry| roles(&entry.keyset)).fold(event, |event, entry| match &entry.row {
        Some(row) => event.of_key(&entry.keyset, &entry.key_id, &digest_of(row)),
        None => event,
    }))
}
