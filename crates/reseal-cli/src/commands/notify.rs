//! `reseal notify test`, `send` and `list`.

use std::path::Path;

use jiff::Timestamp;
use reseal_app::notify::{NotifyList, SendRequest};
use reseal_control::{AlertRow, LetterRow, LetterState};
use reseal_notify::Delivered;
use serde_json::{Value, json};

use crate::args::NotifyCommand;
use crate::exit::{CLEAN, Done, FAILED, Outcome, STOPPED};
use crate::output::time;
use crate::table::table;

/// Carries out one of the family.
pub(crate) async fn notify(command: &NotifyCommand) -> Outcome {
    match command {
        NotifyCommand::Test { plan } => test(&plan.path()?).await,
        NotifyCommand::Send { plan, early, dead } => {
            let plan = plan.path()?;
            let request = SendRequest { plan: plan.clone(), early: *early, dead: *dead };
            let delivered = reseal_app::notify::send(&request).await?;
            Ok(done(&delivered, json!({}), text(&delivered), &plan))
        }
        NotifyCommand::List { plan } => list(&plan.path()?).await,
    }
}

/// Sends one notice of each kind to those whom the plan names for it.
async fn test(plan: &Path) -> Outcome {
    let tested = reseal_app::notify::test(plan).await?;
    let mut text = text(&tested.delivered);
    if !tested.nobody.is_empty() {
        text += &format!("\nthe plan has no recipients for {}", tested.nobody.join(", "));
    }
    Ok(done(&tested.delivered, json!({ "nobody": tested.nobody }), text, plan))
}

/// Lists what waits, what was given up, and what is wrong.
async fn list(plan: &Path) -> Outcome {
    let list = reseal_app::notify::list(plan).await?;
    let counts = list.counts;
    let json = json!({
        "counts": { "sent": counts.sent, "waiting": counts.waiting, "dead": counts.dead },
        "waiting": list.waiting.iter().map(document).collect::<Vec<_>>(),
        "dead": list.dead.iter().map(document).collect::<Vec<_>>(),
        "alerts": list.alerts.iter().map(alert).collect::<Vec<_>>(),
    });
    Ok(Done::new(CLEAN, json, list_text(&list)))
}

fn list_text(list: &NotifyList) -> String {
    let counts = list.counts;
    let mut text = format!("{} sent, {} waiting, {} undeliverable", counts.sent, counts.waiting, counts.dead);
    let rows = list.waiting.iter().chain(&list.dead).map(row).collect::<Vec<_>>();
    if !rows.is_empty() {
        let header = ["notice", "about", "to", "state", "reason"];
        text += &format!("\n{}", table(&header, &[], rows));
    }
    if !list.alerts.is_empty() {
        let rows =
            list.alerts.iter().map(|alert| vec![alert.kind.clone(), alert.cause.clone(), time(alert.since)]);
        text += &format!("\n{}", table(&["alert", "cause", "since"], &[], rows.collect()));
    }
    text
}

fn done(delivered: &Delivered, mut json: Value, text: String, path: &Path) -> Done {
    json["sent"] = delivered.sent.into();
    json["later"] = delivered.later.into();
    json["dead"] = delivered.dead.into();
    let (code, next) = match (delivered.dead, delivered.later) {
        (0, 0) => (CLEAN, None),
        (0, _) => (STOPPED, Some("shows why they are waiting")),
        _ => (FAILED, Some("shows why they could not be delivered")),
    };
    let next = next.map(|why| format!("\nnext: `reseal notify list {}` {why}", path.display()));
    Done::new(code, json, text + &next.unwrap_or_default())
}

fn text(delivered: &Delivered) -> String {
    format!("{} sent, {} waiting, {} undeliverable", delivered.sent, delivered.later, delivered.dead)
}

fn row(row: &LetterRow) -> Vec<String> {
    let letter = &row.letter;
    let to =
        letter.address.as_ref().map_or(letter.via.clone(), |address| format!("{}\n{address}", letter.via));
    let attempts =
        if row.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", row.attempts) };
    let state = match row.state {
        LetterState::Waiting => format!("waiting, {attempts}\nnext attempt {}", minute(row.next_at)),
        state => format!("{}, {attempts}", state.name()),
    };
    vec![letter.kind.clone(), letter.subject.clone(), to, state, row.reason.clone().unwrap_or_default()]
}

fn document(row: &LetterRow) -> Value {
    let letter = &row.letter;
    json!({
        "id": letter.id,
        "kind": letter.kind,
        "subject": letter.subject,
        "slot": letter.slot,
        "via": letter.via,
        "address": letter.address,
        "posted": time(letter.posted_at),
        "attempts": row.attempts,
        "next": time(row.next_at),
        "reason": row.reason,
    })
}

fn alert(alert: &AlertRow) -> Value {
    json!({ "kind": alert.kind, "cause": alert.cause, "times": alert.times, "since": time(alert.since) })
}

/// For people: to the minute, and without the year.
fn minute(ms: i64) -> String {
    Timestamp::from_millisecond(ms)
        .map(|time| time.strftime("%m-%d %H:%M UTC").to_string())
        .unwrap_or_default()
}
