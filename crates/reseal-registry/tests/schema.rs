//! The schema that editors are pointed at is the one that plans are held against, and the page of the plan language says what
//! the schema says.

#[path = "../examples/reference/plans.rs"]
mod plans;

fn present(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    std::fs::read_to_string(format!("{root}/{path}")).unwrap_or_default()
}

#[test]
fn the_schema_is_current() {
    let schema = reseal_plan::schema(&reseal_registry::vocabulary());
    assert!(
        present("rotation-plans/plan.schema.json") == format!("{schema:#}\n"),
        "run `cargo xtask schema`"
    );
}

#[test]
fn the_reference_is_current_and_each_key_has_an_example() {
    let page = plans::page().unwrap_or_else(|missing| panic!("{missing}"));
    assert!(present("docs/plan.md") == page, "run `cargo xtask schema`");
}
