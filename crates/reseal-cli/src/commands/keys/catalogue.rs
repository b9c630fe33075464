//! `reseal keys list`, `activate`, `retire`, `destroy`, `forget-pin`: the catalogue, what moves in it, and pins.

use std::path::Path;

use jiff::Timestamp;
use reseal_app::keys::{
    ActivateRequest, CataloguedKey, DestroyRequest, ForgetPinRequest, HeldCells, KeyList, KeyListRequest,
    KeyRequest, Labels, ListedKey, PrimaryKey,
};
use reseal_app::{Caller, Failure};
use reseal_core::quantity::{coarse, millis};
use reseal_custody::GivenUp;
use serde_json::{Value, json};

use crate::args::{KeyArgs, UnreadableArg};
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::{number, time};
use crate::table::table;

/// Lists the keys of a plan. No key is read, unless they are to be entered first.
pub(super) async fn list(plan: &Path, due: bool, read: bool) -> Outcome {
    let request = KeyListRequest { plan: plan.to_owned(), due, read };
    let list = reseal_app::keys::list(&request).await?;
    let mut text = text(&list, due);
    match (&list.read, &list.labels) {
        (Some(Err(why)), _) => text += &format!("\nthe plan's keys could not be read: {why}"),
        (_, Some(Labels::Unknown(why))) => {
            text +=
                &format!("\ncannot tell which labels keys have now, so their first labels are shown: {why}");
        }
        (_, Some(Labels::Known(unread))) if !unread.is_empty() => {
            text += &format!(
                "\nthese labels could not be read, so their keys are unknown: {}",
                unread.join(", ")
            );
        }
        _ => {}
    }
    Ok(Done::new(CLEAN, document(&list), text))
}

fn document(list: &KeyList) -> Value {
    let keys: Vec<Value> = list.keys.iter().map(key_document).collect();
    let mut document = json!({ "plan": list.plan, "census": list.census_at.map(time), "keys": keys });
    match &list.read {
        Some(Ok(primaries)) => {
            let primaries = primaries.iter();
            let primary = |primary: &PrimaryKey| json!({ "keyset": primary.keyset, "key": primary.key_id, "fingerprint": primary.fingerprint });
            document["primaries"] = primaries.map(primary).collect();
        }
        // What the catalogue knows is shown all the same.
        Some(Err(why)) => document["not_read"] = why.as_str().into(),
        None => {}
    }
    match &list.labels {
        Some(Labels::Known(unread)) => document["labels_not_read"] = json!(unread),
        Some(Labels::Unknown(why)) => document["labels_unknown"] = why.as_str().into(),
        None => {}
    }
    document
}

fn key_document(key: &ListedKey) -> Value {
    let Some(known) = &key.known else {
        let label = key.is_label.then_some(&key.key_id);
        return json!({
            "keyset": key.keyset, "key": key.key_id, "label": label, "state": null, "destroyable": false,
        });
    };
    let (row, age) = (&known.row, &known.age);
    let cells = known.cells.as_ref().map(|cells| cells.iter().map(cells_document).collect::<Vec<_>>());
    json!({
        "keyset": key.keyset,
        "key": key.key_id,
        "label": key.is_label.then_some(&key.key_id),
        "state": row.state.name(),
        "source_state": known.source.as_ref().and_then(|source| source.state.as_deref()),
        "source_created": known.source.as_ref().and_then(|source| source.created_at).map(time),
        "method": row.method,
        "fingerprint": row.fingerprint,
        "created": time(row.created_at),
        "activated": row.activated_at.map(time),
        "retired": row.retired_at.map(time),
        "destroyed": row.destroyed_at.map(time),
        "age_seconds": known.in_use_ms.map(|ms| ms / 1000),
        "expires": age.expires_at.map(time),
        "warned": age.warned.is_some(),
        "destroyable": known.destroyable,
        "destroyable_from": age.destroyable_at.map(time),
        "cells": cells,
        "moves": moves_document(known),
        "copies": copies_document(known),
    })
}

fn cells_document(held: &HeldCells) -> Value {
    json!({ "table": held.table, "field": held.field, "cells": held.cells })
}

fn moves_document(known: &CataloguedKey) -> Vec<Value> {
    let moves = known.moves.iter().map(|step| {
        json!({
            "from": step.from.name(), "to": step.to.name(), "at": time(step.at),
            "operator": step.operator, "reason": step.reason,
        })
    });
    moves.collect()
}

fn copies_document(known: &CataloguedKey) -> Vec<Value> {
    let copies = known.copies.iter().map(|copy| {
        json!({
            "kind": copy.kind, "at": time(copy.at), "operator": copy.operator,
            "file": copy.file, "result": copy.result,
        })
    });
    copies.collect()
}

fn text(list: &KeyList, due: bool) -> String {
    let plan = &list.plan;
    if list.keys.is_empty() {
        return match due {
            true => format!("no retired key of plan {plan} has passed its retention period"),
            false => format!("the catalogue has no keys of plan {plan}"),
        };
    }
    let rows = list.keys.iter().map(row).collect();
    let table = table(&["key", "state", "fingerprint", "age", "expires", "cells"], &[], rows);
    match list.census_at {
        Some(at) => format!("{table}\ncells counted by the census of {}", time(at)),
        None => format!("{table}\nthe whole plan has not been counted yet: run `reseal census PLAN`"),
    }
}

/// How much of a fingerprint is shown of a key that is named by nothing else.
const NAMES: usize = 12;

fn row(key: &ListedKey) -> Vec<String> {
    let name = match key.is_label {
        true => format!("{}/{}", key.keyset, key.key_id),
        false => format!("{} (once {})", key.keyset, key.key_id),
    };
    let dash = || "-".to_owned();
    let Some(known) = &key.known else {
        return vec![name, "not used yet".into(), dash(), dash(), dash(), dash()];
    };
    vec![
        name,
        state(known),
        known.row.fingerprint.chars().take(if key.is_label { 8 } else { NAMES }).collect(),
        known.in_use_ms.map_or_else(dash, |ms| coarse(millis(ms / 1000 * 1000))),
        expiry(known),
        known.cells.as_deref().map_or_else(dash, held),
    ]
}

/// The catalogue's state, and the application's own word where it says another.
fn state(known: &CataloguedKey) -> String {
    let own = known.row.state.name();
    match known.source.as_ref().and_then(|source| source.state.as_deref()) {
        Some(word) if !word.eq_ignore_ascii_case(own) => format!("{own} (application: {word})"),
        _ => own.to_owned(),
    }
}

/// The day on which a key expires; to the second it is in the document.
fn expiry(known: &CataloguedKey) -> String {
    let expires = known.age.expires_at.map_or_else(|| "-".to_owned(), time);
    let day = expires.split('T').next().unwrap_or_default();
    match (known.age.warned.is_some(), known.destroyable) {
        (true, _) => {
            let over = expires.parse::<Timestamp>().is_ok_and(|at| at < Timestamp::now());
            format!("{day} {}", if over { "(expired)" } else { "(soon)" })
        }
        (false, true) => "can be destroyed".to_owned(),
        (false, false) => day.to_owned(),
    }
}

fn held(fields: &[HeldCells]) -> String {
    let total: u64 = fields.iter().map(|field| field.cells).sum();
    match fields {
        [] => "0".to_owned(),
        [_] => format!("{} in 1 field", number(total)),
        _ => format!("{} in {} fields", number(total), fields.len()),
    }
}

/// Marks a key as active by hand.
pub(super) async fn activate(caller: &Caller, key: &KeyArgs, since: Option<&str>) -> Outcome {
    let request = ActivateRequest { since: since.map(moment).transpose()?, key: key.request() };
    let row = reseal_app::keys::activate(caller, &request).await?;
    let at = row.activated_at.map(time);
    let text = format!(
        "{} is active{}",
        row.key_id,
        at.as_ref().map(|at| format!(" since {at}")).unwrap_or_default()
    );
    let document =
        json!({ "keyset": row.keyset, "key": row.key_id, "state": row.state.name(), "activated": at });
    Ok(Done::new(CLEAN, document, text))
}

/// A moment, or the beginning of a day (UTC).
fn moment(text: &str) -> Result<i64, Failure> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let moment = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
    let moment = moment.ok_or_else(|| {
        Failure::usage(
            "since",
            format!("`--since {text}` is not a day or time"),
            "pass a value such as 2026-01-31 or 2026-01-31T06:00:00Z",
        )
    })?;
    if moment > Timestamp::now() {
        return Err(Failure::usage(
            "since",
            format!("`--since {text}` is in the future"),
            "pass a time in the past",
        ));
    }
    Ok(moment.as_millisecond())
}

/// Retires a key.
pub(super) async fn retire(caller: &Caller, key: &KeyArgs, accept: &UnreadableArg) -> Outcome {
    let request = KeyRequest { accept_unreadable: accept.accept_unreadable, ..key.request() };
    let retired = reseal_app::keys::retire(caller, &request).await?;
    let head = format!("{} is retired", retired.key_id);
    Ok(answer(&retired, "retired", head))
}

/// Destroys a retired key.
pub(super) async fn destroy(
    caller: &Caller,
    key: &KeyArgs,
    accept: &UnreadableArg,
    confirm: Option<&str>,
) -> Outcome {
    let key = KeyRequest { accept_unreadable: accept.accept_unreadable, ..key.request() };
    let request = DestroyRequest { key, confirm: confirm.map(str::to_owned) };
    let destroyed = reseal_app::keys::destroy(caller, &request).await?;
    let GivenUp { key_id, done, left, .. } = &destroyed;
    let head = match left.is_empty() {
        true => format!("{key_id} is destroyed"),
        false => format!("{key_id} is marked as destroyed, but copies are left"),
    };
    let lines: Vec<String> = done.iter().chain(left).map(|line| format!("\n  {line}")).collect();
    let mut answer = answer(&destroyed, "destroyed", head + &lines.concat());
    answer.json["done"] = json!(done);
    answer.json["left"] = json!(left);
    answer.json["notes"] = json!(done.iter().chain(left).chain(&destroyed.notes).collect::<Vec<_>>());
    Ok(answer)
}

/// Forgets the pin of a key.
pub(super) async fn forget_pin(caller: &Caller, key: &KeyArgs, confirm: Option<&str>) -> Outcome {
    let request = ForgetPinRequest { key: key.request(), confirm: confirm.map(str::to_owned) };
    let pin = reseal_app::keys::forget_pin(caller, &request).await?;
    let text = format!(
        "the pin of {} (keyset {}) is removed; the next run that rotates its cells pins the key bytes that the plan \
         then provides",
        pin.key_id, pin.keyset
    );
    let document = json!({
        "keyset": pin.keyset, "key": pin.key_id, "pin": "forgotten",
        "method": pin.method, "salt": pin.salt, "fingerprint": pin.fingerprint,
    });
    Ok(Done::new(CLEAN, document, text))
}

fn answer(key: &GivenUp, state: &str, head: String) -> Done {
    let notes: Vec<String> = key.notes.iter().map(|note| format!("\n  {note}")).collect();
    let text = head + &notes.concat();
    let document = json!({
        "keyset": key.keyset, "key": key.key_id, "state": state,
        "fingerprint": key.fingerprint, "notes": key.notes,
    });
    Done::new(CLEAN, document, text)
}
