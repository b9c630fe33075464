//! `reseal notify test`, `send` and `list`.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use reseal_control::{AlertRow, LetterRow, LetterState};
use reseal_core::NoticeKind;
use reseal_notify::{Delivered, Outbox};
use reseal_plan::Plan;
use serde_json::{Value, json};

use crate::exit::{CLEAN, Done, FAILED, Outcome, STOPPED};
use crate::output::table;
use reseal_app::Failure;
use reseal_app::notices::{jitter, look, now, outbox};
use reseal_app::open;

/// How long attempts are begun. Whoever calls from cron wants an end.
const WITHIN: Duration = Duration::from_secs(120);
/// Letters of a state that are listed.
const LISTED: u64 = 100;

/// Sends one notice of each kind to those whom the plan names for it.
pub(crate) async fn test(path: &Path) -> Outcome {
    let plan = planned(path)?;
    let (control, mut session) = outbox().await?;
    let now = now();
    // To the millisecond: two tests within a second are two.
    let slot = Timestamp::from_millisecond(now).map(|time| format!("test {time:.3}")).unwrap_or_default();
    let mut nobody = Vec::new();
    for kind in NoticeKind::ALL {
        if plan.notify.as_ref().is_some_and(|notify| notify.recipients(kind).is_empty()) {
            nobody.push(kind.name());
            continue;
        }
        let mut notice = reseal_notify::sample(kind, &plan.name)
            .with("sample", "sent by `reseal notify test`; everything else in this table is invented");
        notice.slot.clone_from(&slot);
        reseal_notify::post(&mut session, &plan, &notice, now).await?;
    }
    drop(session);
    let outbox = Outbox { plan: &plan, control: &control, jitter: &jitter, early: false };
    let delivered = outbox.deliver(now, WITHIN).await?;
    let mut text = tell(&delivered);
    if !nobody.is_empty() {
        text += &format!("\nthe plan names nobody for {}", nobody.join(", "));
    }
    Ok(done(&delivered, json!({ "nobody": nobody }), text, path))
}

/// Posts what the plan's runs give to tell, and delivers what is due; `early` also what waits for a later time, and
/// `dead` also what was given up.
pub(crate) async fn send(path: &Path, early: bool, dead: bool) -> Outcome {
    let plan = planned(path)?;
    let (control, mut session) = outbox().await?;
    if dead {
        session.revive_letters(&plan.name, now()).await?;
    }
    drop(session);
    let target = open::database(&plan).await?;
    // What there is to tell is posted first, without an attempt; then all goes out at once.
    look(&plan, &target, &control, None, Duration::ZERO).await?;
    let outbox = Outbox { plan: &plan, control: &control, jitter: &jitter, early };
    let delivered = outbox.deliver(now(), WITHIN).await?;
    Ok(done(&delivered, json!({}), tell(&delivered), path))
}

/// Lists what waits, what was given up, and what is wrong.
pub(crate) async fn list(path: &Path) -> Outcome {
    let plan = planned(path)?;
    let (_, mut session) = outbox().await?;
    let counts = session.letter_counts(Some(&plan.name)).await?;
    let waiting = session.letters(&plan.name, LetterState::Waiting, LISTED).await?;
    let dead = session.letters(&plan.name, LetterState::Dead, LISTED).await?;
    let alerts = session.alerts(&plan.name).await?;
    let mut text = format!("{} sent, {} waiting, {} dead", counts.sent, counts.waiting, counts.dead);
    let rows = waiting.iter().chain(&dead).map(row).collect::<Vec<_>>();
    if !rows.is_empty() {
        let header = ["notice", "about", "to", "state", "reason"];
        text += &format!("\n{}", table(&header, &[], rows));
    }
    if !alerts.is_empty() {
        let rows =
            alerts.iter().map(|alert| vec![alert.kind.clone(), alert.cause.clone(), time(alert.since)]);
        text += &format!("\n{}", table(&["alert", "cause", "since"], &[], rows.collect()));
    }
    let json = json!({
        "counts": { "sent": counts.sent, "waiting": counts.waiting, "dead": counts.dead },
        "waiting": waiting.iter().map(document).collect::<Vec<_>>(),
        "dead": dead.iter().map(document).collect::<Vec<_>>(),
        "alerts": alerts.iter().map(alert).collect::<Vec<_>>(),
    });
    Ok(Done::new(CLEAN, json, text))
}

/// The plan, if it tells anybody anything.
fn planned(path: &Path) -> Result<Plan, Failure> {
    let plan = open::plan(path)?;
    if plan.notify.is_some() {
        return Ok(plan);
    }
    let message = format!("plan {} has no section `notify:`", plan.name);
    Err(Failure::usage("no-notify", message, "say under `notify:` who hears of what"))
}

fn done(delivered: &Delivered, mut json: Value, text: String, path: &Path) -> Done {
    json["sent"] = delivered.sent.into();
    json["later"] = delivered.later.into();
    json["dead"] = delivered.dead.into();
    let (code, next) = match (delivered.dead, delivered.later) {
        (0, 0) => (CLEAN, None),
        (0, _) => (STOPPED, Some("shows why they wait")),
        _ => (FAILED, Some("shows why they were given up")),
    };
    let next = next.map(|why| format!("\nnext: `reseal notify list {}` {why}", path.display()));
    Done::new(code, json, text + &next.unwrap_or_default())
}

fn tell(delivered: &Delivered) -> String {
    format!("{} sent, {} to be tried again, {} given up", delivered.sent, delivered.later, delivered.dead)
}

fn row(row: &LetterRow) -> Vec<String> {
    let letter = &row.letter;
    let to =
        letter.address.as_ref().map_or(letter.via.clone(), |address| format!("{}\n{address}", letter.via));
    let attempts =
        if row.attempts == 1 { "1 attempt".to_owned() } else { format!("{} attempts", row.attempts) };
    let state = match row.state {
        LetterState::Waiting => format!("waiting, {attempts}\nnext {}", minute(row.next_at)),
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

fn time(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|time| format!("{time:.0}")).unwrap_or_default()
}
