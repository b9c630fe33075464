//! `reseal keys list`, `activate`, `retire`, `destroy`: the catalogue and what moves in it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use reseal_control::{CensusRow, ControlDatabase, ControlSession, KeyRow};
use reseal_core::quantity::{coarse, millis};
use reseal_custody::{Custodian, GivenUp, Named, age};
use reseal_engine::Progress;
use reseal_plan::{KeyIdSpec, Plan};
use reseal_registry::Overrides;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, Outcome};
use crate::output::{number, table};
use crate::view::View;
use reseal_app::Failure;
use reseal_app::operator;
use reseal_app::{control, open, trail};

/// Lists the keys of a plan. No key is read, unless they are to be entered first.
pub(crate) async fn list(path: &Path, due: bool, read: bool) -> Outcome {
    let plan = open::plan(path)?;
    let mut session = control::database()?.connect().await?;
    session.migrate().await?;
    let entered = match read {
        true => Some(entered(path, &mut session).await),
        false => None,
    };
    let now = session.now_ms().await?;
    let census = session.last_census(&plan.name).await?;
    let mut keys = Vec::new();
    for row in session.catalogued(&plan.name).await? {
        let moves = session.key_moves(&row.id).await?;
        let copies = session.copies(&row.id).await?;
        let mut key = document(&plan, &row, census.as_ref(), now);
        key["moves"] = moves
            .iter()
            .map(|step| {
                json!({
                    "from": step.from.name(), "to": step.to.name(), "at": time(step.at),
                    "operator": step.operator, "reason": step.reason,
                })
            })
            .collect();
        key["copies"] = copies
            .iter()
            .map(|copy| {
                json!({
                    "kind": copy.kind, "at": time(copy.at), "operator": copy.operator,
                    "file": copy.file, "result": copy.result,
                })
            })
            .collect();
        keys.push(key);
    }
    keys.extend(unknown(&plan, &keys));
    if due {
        keys.retain(|key| key["destroyable"] == true);
    }
    let mut text = tell(&plan, &keys, census.as_ref(), due);
    let census = census.map(|census| time(census.at));
    let mut document = json!({ "plan": plan.name, "census": census, "keys": keys });
    match entered {
        Some(Ok(primaries)) => document["primaries"] = primaries.into(),
        // What the catalogue knows is told all the same.
        Some(Err(why)) => {
            text += &format!("\nthe plan's keys were not read: {why}");
            document["not_read"] = why.into();
        }
        None => {}
    }
    Ok(Done::new(CLEAN, document, text))
}

/// Reads the plan's keys and enters those that the catalogue does not know; gives its primaries, or why it could not.
async fn entered(path: &Path, session: &mut ControlSession) -> Result<Vec<Value>, String> {
    let opened = open::job(path, &Overrides::default()).await.map_err(|failure| failure.message)?;
    let entries = reseal_custody::catalogue::enter(session, &opened.job).await;
    let entries = entries.map_err(|error| error.message)?;
    let primaries = entries.iter().filter(|entry| entry.primary);
    Ok(primaries.map(|entry| json!({ "keyset": entry.keyset, "key": entry.key_id })).collect())
}

fn document(plan: &Plan, row: &KeyRow, census: Option<&CensusRow>, now: i64) -> Value {
    let age = age(&plan.policy, row, now);
    json!({
        "keyset": row.keyset,
        "key": row.key_id,
        "state": row.state.name(),
        "method": row.method,
        "fingerprint": row.fingerprint,
        "created": time(row.created_at),
        "activated": row.activated_at.map(time),
        "retired": row.retired_at.map(time),
        "destroyed": row.destroyed_at.map(time),
        "age_seconds": age.since.map(|since| (now - since) / 1000),
        "expires": age.expires_at.map(time),
        "warned": age.warned.is_some(),
        "destroyable": age.destroyable_at.is_some_and(|at| at <= now),
        "destroyable_from": age.destroyable_at.map(time),
        "cells": census.map(|census| cells(plan, census, row)),
    })
}

/// Cells under a key by field, from the last census of the whole plan.
fn cells(plan: &Plan, census: &CensusRow, row: &KeyRow) -> Vec<Value> {
    let document: Value = serde_json::from_str(&census.document).unwrap_or_default();
    let its_seal = |seal: &Value| {
        let named = plan.seals.iter().find(|other| Some(other.name.as_str()) == seal.as_str());
        named.and_then(|seal| plan.keyset_of(seal)).is_some_and(|keyset| keyset.name == row.keyset)
    };
    let mut out = Vec::new();
    for field in document["fields"].as_array().into_iter().flatten() {
        let lines = field["counts"].as_array().into_iter().flatten();
        let cells: u64 = lines
            .filter(|line| line["key"] == row.key_id.as_str() && its_seal(&line["seal"]))
            .filter_map(|line| line["cells"].as_u64())
            .sum();
        if cells > 0 {
            out.push(json!({ "table": field["table"], "field": field["field"], "cells": cells }));
        }
    }
    out
}

/// Keys that the plan names and the catalogue does not know.
fn unknown(plan: &Plan, known: &[Value]) -> Vec<Value> {
    let mut out = Vec::new();
    for keyset in &plan.keysets {
        for key in &keyset.keys {
            let KeyIdSpec::Literal(id) = &key.id else { continue };
            if !known
                .iter()
                .any(|other| other["keyset"] == keyset.name.as_str() && other["key"] == id.as_str())
            {
                out.push(json!({ "keyset": keyset.name, "key": id, "state": null, "destroyable": false }));
            }
        }
    }
    out
}

fn tell(plan: &Plan, keys: &[Value], census: Option<&CensusRow>, due: bool) -> String {
    if keys.is_empty() {
        return match due {
            true => format!("no retired key of plan {} was kept for long enough", plan.name),
            false => format!("the catalogue knows no key of plan {}", plan.name),
        };
    }
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let rows = keys.iter().map(|key| {
        let held = key["cells"].as_array().map(|fields| {
            let total: u64 = fields.iter().filter_map(|field| field["cells"].as_u64()).sum();
            match fields.as_slice() {
                [] => "0".to_owned(),
                [_] => format!("{} in 1 field", number(total)),
                _ => format!("{} in {} fields", number(total), fields.len()),
            }
        });
        let age = key["age_seconds"].as_i64().map(|seconds| coarse(millis(seconds * 1000)));
        // The day; to the second it is in the document.
        let expires = text(&key["expires"]);
        let day = expires.split('T').next().unwrap_or_default();
        let note = match (&key["warned"], &key["destroyable"]) {
            (Value::Bool(true), _) => {
                let over = expires.parse::<Timestamp>().is_ok_and(|at| at < Timestamp::now());
                format!("{day} {}", if over { "(is over)" } else { "(soon)" })
            }
            (_, Value::Bool(true)) => "may be destroyed".to_owned(),
            _ => day.to_owned(),
        };
        vec![
            format!("{}/{}", text(&key["keyset"]), text(&key["key"])),
            if key["state"].is_null() { "not used yet".to_owned() } else { text(&key["state"]) },
            text(&key["fingerprint"]).chars().take(8).collect(),
            age.unwrap_or_else(|| "-".into()),
            note,
            held.unwrap_or_else(|| "-".into()),
        ]
    });
    let table = table(&["key", "state", "fingerprint", "age", "expires", "cells"], &[], rows.collect());
    match census {
        Some(census) => format!("{table}\ncells as the census of {} counted them", time(census.at)),
        None => format!("{table}\nno census of the whole plan was taken yet"),
    }
}

pub(crate) fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| format!("{time:.0}")).unwrap_or_default()
}

/// Makes a key active by hand.
pub(crate) async fn activate(
    path: &Path,
    named: &Named,
    since: Option<&str>,
    reason: Option<&str>,
) -> Outcome {
    let since = since.map(moment).transpose()?;
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let row = custodian(&opened, &control, &operator).activate(named, since, reason).await?;
    trail::sign().await;
    let at = row.activated_at.map(time);
    let text = format!(
        "{} is active{}",
        row.key_id,
        at.as_ref().map(|at| format!(" since {at}")).unwrap_or_default()
    );
    Ok(Done::new(
        CLEAN,
        json!({ "keyset": row.keyset, "key": row.key_id, "state": row.state.name(), "activated": at }),
        text,
    ))
}

/// A moment, or the beginning of a day (UTC).
fn moment(text: &str) -> Result<i64, Failure> {
    let day = || text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    let moment = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
    let moment = moment.ok_or_else(|| {
        Failure::usage("since", format!("--since {text}: not a time"), "2026-01-31, or 2026-01-31T06:00:00Z")
    })?;
    if moment > Timestamp::now() {
        return Err(Failure::usage(
            "since",
            format!("--since {text} is yet to come"),
            "a time that has been",
        ));
    }
    Ok(moment.as_millisecond())
}

/// Retires a key.
pub(crate) async fn retire(path: &Path, named: &Named, reason: Option<&str>) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let progress = Arc::new(Progress::default());
    let view = View::start(&progress);
    let done = custodian(&opened, &control, &operator).retire(named, reason, &progress).await;
    drop(view);
    match done {
        Ok(key) => {
            trail::sign().await;
            Ok(given_up(&key, "retired"))
        }
        Err(error) => Err(trail::refused("keys retire", &opened.plan, error.into()).await),
    }
}

/// Destroys a retired key.
pub(crate) async fn destroy(
    path: &Path,
    named: &Named,
    confirm: Option<&str>,
    reason: Option<&str>,
) -> Outcome {
    let opened = open::job(path, &Overrides::default()).await?;
    let (operator, control) = (operator(), control::database()?);
    let progress = Arc::new(Progress::default());
    let view = View::start(&progress);
    let done = custodian(&opened, &control, &operator).destroy(named, confirm, reason, &progress).await;
    drop(view);
    match done {
        Ok(key) => {
            trail::sign().await;
            Ok(given_up(&key, "destroyed"))
        }
        Err(error) => Err(trail::refused("keys destroy", &opened.plan, error.into()).await),
    }
}

pub(super) fn custodian<'a>(
    opened: &'a open::Opened,
    control: &'a ControlDatabase,
    operator: &'a str,
) -> Custodian<'a> {
    Custodian { plan: &opened.plan, job: &opened.job, database: &opened.database, control, operator }
}

fn given_up(key: &GivenUp, state: &str) -> Done {
    let notes: Vec<String> = key.notes.iter().map(|note| format!("\n  {note}")).collect();
    let text = format!("{} is {state}{}", key.key_id, notes.concat());
    let document = json!({
        "keyset": key.keyset, "key": key.key_id, "state": state,
        "fingerprint": key.fingerprint, "notes": key.notes,
    });
    Done::new(CLEAN, document, text)
}
