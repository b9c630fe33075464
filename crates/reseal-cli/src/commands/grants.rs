//! `reseal grants`.

use std::path::Path;

use reseal_app::grants::GrantsRequest;
use serde_json::json;

use crate::exit::{CLEAN, Done, Outcome};

/// Prints what a role must be granted.
pub(crate) async fn grants(plan: &Path, role: Option<&str>) -> Outcome {
    let request = GrantsRequest { plan: plan.to_owned(), role: role.map(str::to_owned) };
    let grants = reseal_app::grants::grants(&request).await?;
    let text = format!(
        "-- Run in the plan's database, as the owner of its tables or an administrator:\n{}\n\n-- Run in the control \
         database:\n{}",
        grants.database.join("\n"),
        grants.control.join("\n"),
    );
    Ok(Done::new(CLEAN, json!({ "database": grants.database, "control": grants.control }), text))
}
