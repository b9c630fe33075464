//! The page of the plan language with examples from the plans of the repository.

use std::io;
use std::path::Path;

use reseal_plan::{ExamplePlan, PlanFile};

/// Where plans lie. Those that are there for their examples come first.
const FOLDERS: [&str; 3] = ["docs/plan", "rotation-plans", "rotation-plans/formats"];

/// The page, or what keeps it from being written.
pub(crate) fn page() -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut plans = Vec::new();
    for folder in FOLDERS {
        plans.extend(read(&root.join(folder)).map_err(|error| format!("{folder}: {error}\n"))?);
    }
    let plans = plans.iter().map(|plan| ExamplePlan { file: PlanFile::named(&plan.name), text: &plan.text });
    reseal_plan::reference(&reseal_registry::vocabulary(), &plans.collect::<Vec<_>>())
}

struct Text {
    name: String,
    text: String,
}

/// The plans of a folder, by name.
fn read(folder: &Path) -> io::Result<Vec<Text>> {
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "yaml") {
            plans.push(Text { name: path.display().to_string(), text: std::fs::read_to_string(&path)? });
        }
    }
    plans.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(plans)
}
