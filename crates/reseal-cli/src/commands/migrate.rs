//! `reseal migrate`: the SQL of the ledger, or of the control database, applied or printed; or what it made, dropped.

use reseal_app::Caller;
use reseal_app::migrate::{Fate, MigrateRequest, RemoveRequest, Removed, TrailCopy};
use serde_json::{Value, json};

use crate::args::MigrateArgs;
use crate::exit::{CLEAN, Done, Outcome};

/// Applies the SQL of the ledger or of the control database, prints it, or drops what it made.
pub(crate) async fn migrate(caller: &Caller, args: &MigrateArgs) -> Outcome {
    if args.remove {
        return remove(caller, args).await;
    }
    let request = MigrateRequest { database: args.database.clone(), control: args.control };
    if args.print {
        let sql = reseal_app::migrate::sql(&request).await?;
        return Ok(Done::new(CLEAN, json!({ "sql": sql }), sql));
    }
    let migrated = reseal_app::migrate::migrate(caller, &request).await?;
    Ok(Done::new(CLEAN, json!({ "version": migrated.version }), format!("{} is up to date", migrated.book)))
}

async fn remove(caller: &Caller, args: &MigrateArgs) -> Outcome {
    let trail = match &args.trail {
        Some(path) => TrailCopy::File(path.clone()),
        None if args.without_trail => TrailCopy::NotNeeded,
        None => TrailCopy::Unknown,
    };
    let (database, confirm) = (args.database.clone(), args.confirm.clone());
    let request = RemoveRequest { database, control: args.control, confirm, trail };
    let Removed { ledger, control } = reseal_app::migrate::remove(caller, &request).await?;
    let document =
        json!({ "ledger": word(&ledger), "control": word(&control), "needed_by": needed_by(&control) });
    let lines = [told("the ledger", &ledger), told("the control database", &control)];
    Ok(Done::new(CLEAN, document, lines.into_iter().flatten().collect::<Vec<_>>().join("\n")))
}

fn word(fate: &Fate) -> Value {
    match fate {
        Fate::NotAsked => Value::Null,
        Fate::Absent => "absent".into(),
        Fate::Dropped => "removed".into(),
        Fate::Needed(_) => "kept".into(),
    }
}

fn needed_by(fate: &Fate) -> &[String] {
    match fate {
        Fate::Needed(plans) => plans,
        Fate::NotAsked | Fate::Absent | Fate::Dropped => &[],
    }
}

fn told(book: &str, fate: &Fate) -> Option<String> {
    match fate {
        Fate::NotAsked => None,
        Fate::Absent => Some(format!("{book} does not exist")),
        Fate::Dropped => Some(format!("{book} has been removed")),
        Fate::Needed(plans) => Some(format!(
            "{book} was kept because other plans use it: {}; to remove it too, run `reseal migrate --control --remove`",
            plans.join(", ")
        )),
    }
}
