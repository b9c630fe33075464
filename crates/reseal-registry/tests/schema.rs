//! The schema that editors are pointed at is the one that plans are held against.

#[test]
fn the_schema_is_current() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../rotation-plans/plan.schema.json");
    let present = std::fs::read_to_string(file).unwrap_or_default();
    let schema = reseal_plan::schema(&reseal_registry::vocabulary());
    assert!(present == format!("{schema:#}\n"), "run `cargo xtask schema`");
}
