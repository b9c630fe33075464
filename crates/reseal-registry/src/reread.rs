//! Reading keys a second time.

use std::sync::Arc;

use reseal_engine::Reread;
use reseal_plan::Plan;
use reseal_store::Database;

use crate::keys::{Purpose, keys};
use crate::unread::Unread;

/// Reads the keys of a plan again, as they were read.
pub(crate) fn reread(plan: &Plan, asked: Option<&str>, database: &Database) -> Reread {
    let (plan, asked) = (Arc::new(plan.clone()), asked.map(str::to_owned));
    let database = database.clone();
    Arc::new(move || {
        let (plan, asked, database) = (plan.clone(), asked.clone(), database.clone());
        Box::pin(async move {
            let keys = keys(&plan, asked.as_deref(), &database, Purpose::Rotate).await;
            let keys = keys.map_err(Unread::Escrow)?;
            Ok(keys.keysets)
        })
    })
}
