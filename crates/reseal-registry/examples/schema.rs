//! Prints the JSON Schema of the plan language, with what the plugins add to it. `cargo xtask schema` keeps it in
//! rotation-plans/plan.schema.json.

use std::io::Write;

fn main() -> std::io::Result<()> {
    let schema = reseal_plan::schema(&reseal_registry::vocabulary());
    writeln!(std::io::stdout(), "{schema:#}")
}
