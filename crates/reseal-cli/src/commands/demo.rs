//! `reseal demo`: a small SQLite database with sealed rows, rotated before your eyes.

use std::path::Path;

use reseal_app::Caller;
use reseal_app::demo::{Demo, ROWS};
use serde_json::json;

use super::{census, run};
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{note, number};

/// Makes the demo, rotates it and shows the proof.
pub(crate) async fn demo(caller: &Caller, directory: &Path) -> Outcome {
    let demo = Demo::make(directory).await?;
    note(&format!(
        "created {} with {} patients, sealed under v1",
        demo.database.display(),
        number(ROWS as u64)
    ));
    let before = demo.census().await?;
    note(&format!("\nbefore the run (every cell opened):\n{}\n", census::text(&before)));
    let report = demo.rotate(caller).await?;
    note(&format!("{}\n", run::text(&report, &demo.plan)));
    let after = demo.census().await?;
    let plan = demo.plan.display();
    let text = format!(
        "after the run (every cell opened):\n{}\n\ntry these next:\n  reseal status {plan}\n  reseal inspect {plan} \
         --table patients --row 7\n  reseal rollback {plan} --confirm {}\n",
        census::text(&after),
        demo.name(),
    );
    let code = if after.clean { CLEAN } else { REMAIN };
    let document = json!({ "before": before.json(), "run": report.json(), "after": after.json(), "plan": plan.to_string() });
    Ok(Done::new(code, document, text))
}
