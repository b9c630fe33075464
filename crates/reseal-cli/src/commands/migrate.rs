//! `reseal migrate`: the SQL of the ledger, or of the control database, applied or printed.

use reseal_app::Caller;
use reseal_app::migrate::MigrateRequest;
use serde_json::json;

use crate::exit::{CLEAN, Done, Outcome};

/// Applies the SQL of the ledger or of the control database, or prints it.
pub(crate) async fn migrate(caller: &Caller, database: Option<&str>, control: bool, print: bool) -> Outcome {
    let request = MigrateRequest { database: database.map(str::to_owned), control };
    if print {
        let sql = reseal_app::migrate::sql(&request).await?;
        return Ok(Done::new(CLEAN, json!({ "sql": sql }), sql));
    }
    let migrated = reseal_app::migrate::migrate(caller, &request).await?;
    Ok(Done::new(CLEAN, json!({ "version": migrated.version }), format!("{} is there", migrated.book)))
}
