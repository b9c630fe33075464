//! Several plans over one table, whatever each calls it.

use serde_json::json;

use crate::world::{SLOW, STORES, World, wait_for_first_swap};

/// Writes a plan of another name, with `from` in the plan's text replaced by `to`.
fn plan_called(world: &World, name: &str, more: &str, (from, to): (&str, &str)) -> String {
    world.plan(more);
    world.rewrite_plan("name: people", &format!("name: {name}"));
    world.rewrite_plan(from, to);
    let path = world.path(&format!("{name}.yaml"));
    std::fs::rename(world.path("plan.yaml"), &path).unwrap();
    path.display().to_string()
}

/// The table's name with its schema.
fn with_schema(world: &World, store: &str) -> String {
    match store {
        "postgres" => "public.people".to_owned(),
        "sqlite" => "main.people".to_owned(),
        _ => format!("{}.people", world.url.rsplit_once('/').unwrap().1),
    }
}

/// P8; watches the name that columns are held by: another spelling of a table is no other table.
#[test]
fn a_column_is_held_under_every_name_of_its_table() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        let long = with_schema(&world, store);
        let spelled = plan_called(&world, "spelled", SLOW, ("  people:\n", &format!("  {long}:\n")));
        world.plan(SLOW);
        let mut first = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        let (code, refused) = world.reseal(&["run", &spelled]);
        assert_eq!((code, refused["error"]["code"].as_str()), (4, Some("column-held")), "{store}: {refused}");
        assert_eq!(first.wait().unwrap().code(), Some(0), "{store}");
        let (code, checked) = world.reseal(&["check", &spelled, "--connect"]);
        assert_eq!(code, 0, "{store}: {checked}");
        assert!(!checked.to_string().contains("outside-the-plan"), "{store}: {checked}");
        let twice = "    row_key: id\n    fields: { a: main }\n";
        let twice = plan_called(&world, "twice", "", ("tables:\n", &format!("tables:\n  {long}:\n{twice}")));
        let (code, refused) = world.reseal(&["run", &twice]);
        assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("same-table")), "{store}: {refused}");
    }
}

/// P7; watches whose undo a rollback looks into: what a run of another plan has moved is left to that run's own rollback.
#[test]
fn a_rollback_leaves_what_a_run_of_another_plan_has_moved() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        let cells = || world.sql(&["SELECT id, a, b FROM people ORDER BY id"]);
        let before = cells();
        let narrowed = "    row_key: id\n    where: id < 10\n";
        let some = plan_called(&world, "some", "", ("    row_key: id\n", narrowed));
        let long = with_schema(&world, store);
        let all = plan_called(&world, "all", "", ("  people:\n", &format!("  {long}:\n")));
        assert_eq!(world.reseal(&["run", &some]).0, 0, "{store}");
        assert_eq!(world.reseal(&["run", &all]).0, 0, "{store}");
        let (code, back) = world.reseal(&["rollback", &all, "--confirm", "all"]);
        assert_eq!((code, &back["cells_resealed"]), (1, &json!(0)), "{store}: {back}");
        assert!(back["reason"].as_str().unwrap().contains("roll that back too"), "{store}: {back}");
        let (code, back) = world.reseal(&["rollback", &some, "--confirm", "some"]);
        assert_eq!((code, &back["cells_resealed"]), (0, &json!(0)), "{store}: {back}");
        assert!(cells() == before, "{store}: a cell is not what it was");
    }
}

/// Watches that a condition means the same in every statement: it may call the table by its name, as a subquery must.
#[test]
fn a_condition_may_name_its_table() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 60);
        world.sql(&["CREATE TABLE u (person integer)", "INSERT INTO u SELECT id FROM people WHERE id <= 20"]);
        let condition = "    row_key: id\n    where: EXISTS (SELECT 1 FROM u WHERE u.person = people.id)\n";
        let long = with_schema(&world, store);
        for (name, table) in [("short", "people"), ("long", long.as_str())] {
            let plan = plan_called(&world, name, "", ("    row_key: id\n", condition));
            let text = std::fs::read_to_string(&plan).unwrap();
            std::fs::write(&plan, text.replace("  people:\n", &format!("  {table}:\n"))).unwrap();
            let (code, run) = world.reseal(&["run", &plan]);
            assert_eq!((code, &run["rows_scanned"]), (0, &json!(20)), "{store}: {run}");
        }
        let moved = world.sql(&["SELECT count(*) FROM people WHERE b LIKE 'v2:%' OR b IS NULL AND id <= 20"]);
        assert_eq!(moved, json!([[20]]), "{store}");
    }
}
