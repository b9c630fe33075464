//! Steps around a run, with real programs: a shell that writes down what it was asked to do.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::steered::wait_until;
use crate::world::{STORES, World, answer, wait_for_first_swap};

const ROWS: u32 = 300;
/// Cells that are not NULL among two of each row.
const CELLS: u64 = 2 * ROWS as u64 - 2 * (ROWS as u64 / 50);

/// A step that writes words into the log.
fn note(world: &World, words: &str) -> String {
    let log = world.path("log").display().to_string();
    format!("{{ command: [sh, -c, 'echo \"$*\" >> \"$0\"', \"{log}\", {words}] }}")
}

/// What the steps wrote down.
fn log(world: &World) -> Vec<String> {
    let text = std::fs::read_to_string(world.path("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn run(world: &World, args: &[&str]) -> (i32, Value) {
    answer(world.command(&[args, &["--json"]].concat()).env("NEXT_KEY", "it's $1"))
}

/// Watches the order of phases, what fills holes, and that SQL holes are parameters: a value with a quote in it arrives.
#[test]
fn steps_run_in_order_and_are_told_what_they_ask_for() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.sql(&["CREATE TABLE trail (run varchar(64), kind varchar(20), cells bigint, old_key varchar(10), new_key varchar(10), var varchar(40))"]);
        let block = match store {
            "postgres" => "DO $$ BEGIN PERFORM 1; PERFORM '{}'::jsonb; END $$",
            "mysql" => "BEGIN NOT ATOMIC DECLARE n INT; SET n = 1; END",
            _ => "ANALYZE; ANALYZE",
        };
        let analyze = if store == "mysql" { "ANALYZE TABLE people" } else { "ANALYZE people" };
        world.plan(&format!(
            "vars: {{ next: {{ env: NEXT_KEY }} }}\nbatch: {{ rows: 50 }}\nhooks:\n  before:\n    - sql: \"{block}\"\n    - {}\n  canary:\n    - {}\n    - sql: \"INSERT INTO trail (kind, cells) SELECT 'canary', count(*) FROM people WHERE a LIKE 'v2:%'\"\n  after:\n    - sql: {analyze}\n    - sql: \"INSERT INTO trail VALUES ({{run.id}}, {{run.kind}}, {{run.cells_rotated}}, {{run.old_keys}}, {{run.new_key}}, {{vars.next}})\"\n    - {}\n  on_stop:\n    - {}\n  on_failure:\n    - {}\n",
            note(&world, "before, \"{vars.next}\", \"{run.state}\""),
            note(&world, "canary"),
            note(&world, "after, \"{run.state}\", \"{run.cells_rotated}\""),
            note(&world, "on_stop"),
            note(&world, "on_failure"),
        ));
        assert_eq!(run(&world, &["run", "PLAN", "--dry-run"]).0, 0, "{store}");
        assert_eq!(log(&world), Vec::<String>::new(), "{store}: a dry run carried out a step");
        let (code, report) = run(&world, &["run", "PLAN"]);
        assert_eq!((code, report["state"].as_str()), (0, Some("complete")), "{store}: {report}");
        let (status, runs) = (run(&world, &["status", "PLAN"]).1, run(&world, &["runs", "PLAN"]).1);
        assert_eq!(status["steps"].as_array().map(Vec::len), Some(7), "{store}: {status}");
        assert_eq!(runs["runs"][0]["steps"], status["steps"], "{store}: {runs}");
        let after = format!("after complete {CELLS}");
        assert_eq!(log(&world), ["before it's $1 running", "canary", &after], "{store}");
        let trail = world.sql(&["SELECT kind, cells, old_key, new_key, var, run FROM trail ORDER BY kind"]);
        let seen = trail[0][1].as_u64().unwrap();
        assert!(seen > 0 && seen <= 50, "{store}: the canary saw {seen} new cells");
        let told = &trail[1];
        assert_eq!((told[0].as_str(), told[1].as_u64()), (Some("routine"), Some(CELLS)), "{store}: {trail}");
        assert_eq!((told[2].as_str(), told[3].as_str()), (Some("v1"), Some("v2")), "{store}: {trail}");
        assert_eq!((told[4].as_str(), &told[5]), (Some("it's $1"), &report["run_id"]), "{store}: {trail}");
        assert_eq!(world.read("v2").2, u64::from(ROWS), "{store}");
    }
}

/// Watches the notes of steps: an engine that dies among them goes on behind the last that was over.
#[test]
fn a_step_that_is_done_is_not_repeated_after_a_kill() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        let die = format!(
            "{{ command: [sh, -c, 'test -e \"$0\" && exit; touch \"$0\"; kill -9 $PPID', \"{}\"] }}",
            world.path("died").display()
        );
        world.plan(&format!(
            "hooks:\n  before:\n    - {}\n    - {}\n    - {die}\n    - {}\n",
            note(&world, "one"),
            note(&world, "two"),
            note(&world, "three"),
        ));
        assert_eq!(world.output(&["run", "PLAN"]).status.code(), None, "{store}: it was not killed");
        assert_eq!(log(&world), ["one", "two"], "{store}");
        let (code, report) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, report["state"].as_str()), (0, Some("complete")), "{store}: {report}");
        assert_eq!(log(&world), ["one", "two", "three"], "{store}");
    }
}

/// Watches that the batch of a canary that fails is put back, byte for byte, whether or not the plan keeps old cells.
#[test]
fn a_failing_canary_leaves_exact_bytes() {
    for store in STORES {
        for undo in ["keep", "none"] {
            let world = World::new(store, "aes-gcm", ROWS);
            let before = world.digest();
            let lives = world.path("lives").display().to_string();
            world.plan(&format!(
                "undo: {undo}\nbatch: {{ rows: 50 }}\nhooks:\n  canary:\n    - {{ command: [sh, -c, 'echo no reading; test -e \"$0\"', \"{lives}\"] }}\n  on_stop:\n    - {}\n  on_failure:\n    - {}\n    - {}\n",
                note(&world, "on_stop"),
                note(&world, "on_failure, \"{run.state}\""),
                note(&world, "of another case").replace("] }", "], when: rolled_back }"),
            ));
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            assert_eq!(
                (code, refused["error"]["code"].as_str()),
                (3, Some("canary-failed")),
                "{store}: {refused}"
            );
            assert!(refused["error"]["help"].as_str().unwrap().contains("no reading"), "{store}: {refused}");
            assert_eq!(world.digest(), before, "{store}, undo {undo}: a cell differs");
            let (_, status) = world.reseal(&["status", "PLAN"]);
            assert_eq!(
                (status["state"].as_str(), status["cells_rotated"].as_u64()),
                (Some("failed"), Some(0))
            );
            assert_eq!(log(&world), ["on_failure failed", "on_stop"], "{store}");
            std::fs::write(&lives, "").unwrap();
            let (code, report) = world.reseal(&["run", "PLAN"]);
            assert_eq!((code, report["cells_rotated"].as_u64()), (0, Some(CELLS)), "{store}: {report}");
            assert_eq!(world.read("v2").2, u64::from(ROWS), "{store}");
        }
    }
}

/// Watches what a program sees, and what is kept of what it prints.
#[test]
fn a_program_sees_what_the_plan_names_and_its_secrets_go_nowhere() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let key = std::fs::read_to_string(world.path("v2.key")).unwrap();
    std::fs::write(world.path("token"), "pass-word").unwrap();
    let (v2, token) = (world.path("v2.key").display().to_string(), world.path("token").display().to_string());
    world.plan(&format!(
        "hooks:\n  before:\n    - command: [sh, -c, 'env; echo token $TOKEN; cat \"$0\"; exit 7', \"{v2}\"]\n      env: {{ TOKEN: {{ file: \"{token}\" }} }}\n"
    ));
    let output = world.command(&["run", "PLAN", "--json"]).env("OTHER_SECRET", "x").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let ledger = world.sql(&["SELECT status, output FROM reseal_step"]).to_string();
    let help = ledger.clone();
    assert!(help.contains("exit status: 7") && help.contains("token ***"), "{help}");
    for secret in [key.trim(), "pass-word", "OTHER_SECRET", "TEST_DATABASE_URL"] {
        assert!(!all.contains(secret) && !ledger.contains(secret), "output or ledger hold {secret}");
    }
    let seen = ledger.split("\\n").filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let seen: Vec<&str> =
        seen.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_')).collect();
    let known = ["PATH", "HOME", "LANG", "TOKEN", "PWD", "SHLVL", "OLDPWD", "_"];
    assert!(seen.contains(&"TOKEN") && seen.iter().all(|name| known.contains(name)), "{seen:?}");
}

/// Watches that what a key was derived from is as secret as the key, also where a program comes by it on its own.
#[test]
fn a_passphrase_behind_a_derivation_is_taken_out_of_what_a_program_prints() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let file = world.path("phrase").display().to_string();
    std::fs::write(&file, "nine tame owls").unwrap();
    world.plan(&format!("hooks:\n  before:\n    - command: [sh, -c, 'cat \"$0\"; exit 7', \"{file}\"]\n"));
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    let older =
        format!("      v0: {{ file: \"{file}\", encoding: utf8, kdf: {{ sha256: {{}} }} }}\n      v1:");
    std::fs::write(world.path("plan.yaml"), plan.replacen("      v1:", &older, 1)).unwrap();
    let output = world.output(&["run", "PLAN", "--json"]);
    assert_eq!(output.status.code(), Some(3));
    let all = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    let ledger = world.sql(&["SELECT status, output FROM reseal_step"]).to_string();
    assert!(ledger.contains("exit status: 7") && ledger.contains("***"), "{ledger}");
    assert!(!all.contains("tame") && !ledger.contains("tame"), "{all} {ledger}");
}

/// Watches the process group: what a program has started dies with it.
#[test]
fn a_program_that_hangs_is_killed_with_its_children() {
    let world = World::new("sqlite", "aes-gcm", 10);
    let survived = world.path("survived");
    world.plan(&format!(
        "hooks:\n  before:\n    - command: [sh, -c, '(sleep 1; touch \"$0\") & sleep 60', \"{}\"]\n      timeout: 200ms\n",
        survived.display()
    ));
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, refused["error"]["code"].as_str()), (3, Some("hook-failed")), "{refused}");
    assert!(refused["error"]["message"].as_str().unwrap().contains("killed"), "{refused}");
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!survived.exists(), "a child of the program lived on");
}

/// Watches `on_stop`: what `before` has paused is not paused for ever.
#[test]
fn a_stop_is_followed_by_its_steps() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        let hooks = format!(
            "hooks:\n  before: [{}]\n  after: [{}]\n  on_stop: [{}]\n",
            note(&world, "pause"),
            note(&world, "after"),
            note(&world, "resume, \"{run.state}\""),
        );
        world.plan(&format!("throttle: {{ rows_per_second: 600 }}\nbatch: {{ rows: 60 }}\n{hooks}"));
        let mut engine = world.start(&["run", "PLAN"]);
        wait_for_first_swap(&world);
        Command::new("kill").args(["-INT", &engine.id().to_string()]).status().unwrap();
        assert_eq!(engine.wait().unwrap().code(), Some(4), "{store}");
        assert_eq!(log(&world), ["pause", "resume paused"], "{store}");
        world.plan(&hooks);
        let (code, report) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, report["state"].as_str()), (0, Some("complete")), "{store}: {report}");
        assert_eq!(log(&world), ["pause", "resume paused", "after"], "{store}");
    }
}

/// Watches `on_resume`: what `on_stop` lets go on stands still again while cells move, on either way, also after a crash.
#[test]
fn what_goes_on_at_a_stop_is_paused_again_before_cells_move() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 3000);
        let hooks = format!(
            "hooks:\n  before: [{}]\n  after: [{}]\n  on_resume: [{}]\n  on_stop: [{}]\n  on_failure: [{}]\n",
            note(&world, "pause"),
            note(&world, "after"),
            note(&world, "pause again"),
            note(&world, "go on"),
            note(&world, "back").replace("] }", "], when: rolled_back }"),
        );
        let slow = format!("throttle: {{ rows_per_second: 600 }}\nbatch: {{ rows: 60 }}\n{hooks}");
        let begin = |signal: &str, args: &[&str]| {
            world.plan(&slow);
            let mut engine = world.start(args);
            let told = log(&world).len();
            wait_until("the application stands still", || log(&world).len() > told);
            if told == 0 {
                wait_for_first_swap(&world);
            }
            Command::new("kill").args([signal, &engine.id().to_string()]).status().unwrap();
            engine.wait().unwrap().code()
        };
        assert_eq!(begin("-INT", &["run", "PLAN"]), Some(4), "{store}");
        assert_eq!(log(&world), ["pause", "go on"], "{store}");
        assert_eq!(begin("-KILL", &["run", "PLAN"]), None, "{store}");
        assert_eq!(log(&world), ["pause", "go on", "pause again"], "{store}: nobody lets go on after a kill");
        world.plan(&hooks);
        let (code, report) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, report["state"].as_str()), (0, Some("complete")), "{store}: {report}");
        assert_eq!(log(&world)[3..], ["pause again", "after"], "{store}");
        let back = ["rollback", "PLAN", "--confirm", "people"];
        assert_eq!(begin("-INT", &back), Some(4), "{store}");
        assert_eq!(log(&world)[5..], ["pause again", "go on"], "{store}");
        world.plan(&hooks);
        let (code, report) = world.reseal(&back);
        assert_eq!((code, report["state"].as_str()), (0, Some("rolled_back")), "{store}: {report}");
        assert_eq!(log(&world)[7..], ["pause again", "back"], "{store}");
    }
}

/// Watches that keys are read again after `before`, and that a key which the application has retired may be gone.
#[test]
fn before_may_change_the_primary() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        world.sql(&["CREATE TABLE key_record (id varchar(20), state varchar(20), created_at varchar(30))"]);
        world.sql(&["INSERT INTO key_record VALUES ('v1', 'active', '2025-01-01 00:00:00'), ('v0', 'retired', '2024-01-01 00:00:00')"]);
        let keys = world.folder.path().display().to_string();
        world.plan("hooks:\n  before:\n    - sql: \"UPDATE key_record SET state = 'rotating' WHERE state = 'active'\"\n    - sql: \"INSERT INTO key_record VALUES ('v2', 'active', '2026-01-01 00:00:00')\"\n  after:\n    - sql: \"UPDATE key_record SET state = 'retired' WHERE state = 'rotating'\"\n  on_failure:\n    - { sql: \"UPDATE key_record SET state = CASE id WHEN 'v1' THEN 'active' ELSE 'created' END WHERE id <> 'v0'\", when: rolled_back }\n    - { command: [\"false\"], when: failed }\n");
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        let (from, upto) = (plan.find("    primary:").unwrap(), plan.find("seals:").unwrap());
        let keyset = format!(
            "    primary: {{ sql: \"SELECT id FROM key_record WHERE state = 'active'\" }}\n    keys_from:\n      - sql: \"SELECT id, state, created_at FROM key_record\"\n        key: {{ file: \"{keys}/{{id}}.key\", encoding: base64 }}\n"
        );
        std::fs::write(world.path("plan.yaml"), format!("{}{keyset}{}", &plan[..from], &plan[upto..]))
            .unwrap();
        let (code, report) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, report["state"].as_str()), (0, Some("complete")), "{store}: {report}");
        assert_eq!(world.read("v2").2, u64::from(ROWS), "{store}");
        let states = world.sql(&["SELECT id, state FROM key_record ORDER BY id"]).to_string();
        assert_eq!(
            states.replace(' ', ""),
            r#"[["v0","retired"],["v1","retired"],["v2","active"]]"#,
            "{store}"
        );
        let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "people"]);
        assert_eq!(code, 0, "{store}: {back}");
        assert_eq!(world.read("v1").2, u64::from(ROWS), "{store}");
        let states = world.sql(&["SELECT id, state FROM key_record ORDER BY id"]).to_string();
        assert_eq!(
            states.replace(' ', ""),
            r#"[["v0","retired"],["v1","active"],["v2","created"]]"#,
            "{store}"
        );
    }
}

/// A query for the primary that gives two is refused, and says so.
#[test]
fn a_primary_is_one_row() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", 10);
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        for (query, why) in [
            ("SELECT 'v1' UNION SELECT 'v2'", "2 rows"),
            ("SELECT id FROM people WHERE 1 = 0", "no row"),
            ("SELECT 'v1', 'v2'", "2 columns"),
            ("DELETE FROM people", "failed"),
        ] {
            let asks = plan.replace("primary: v2", &format!("primary: {{ sql: \"{query}\" }}"));
            std::fs::write(world.path("plan.yaml"), asks).unwrap();
            let (code, refused) = world.reseal(&["run", "PLAN"]);
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(code == 3 && message.contains(why), "{store}, {query}: {refused}");
        }
        assert_eq!(world.sql(&["SELECT count(*) FROM people"])[0][0], 10, "{store}: a query has written");
    }
}

/// Watches that a step of `after` that fails leaves the run complete, and is what the next `run` does.
#[test]
fn after_is_tried_again_until_it_is_done() {
    for store in STORES {
        let world = World::new(store, "aes-gcm", ROWS);
        let lives = world.path("lives").display().to_string();
        world.plan(&format!(
            "hooks:\n  after:\n    - {}\n    - {{ command: [test, -e, \"{lives}\"] }}\n    - {}\n",
            note(&world, "one"),
            note(&world, "three"),
        ));
        let (code, first) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, first["state"].as_str()), (1, Some("complete")), "{store}: {first}");
        assert!(first["reason"].as_str().unwrap().contains("step 2"), "{store}: {first}");
        let (code, again) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, &again["run_id"]), (1, &first["run_id"]), "{store}: {again}");
        std::fs::write(&lives, "").unwrap();
        let (code, done) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, &done["run_id"], done["state"].as_str()), (0, &first["run_id"], Some("complete")));
        assert_eq!(log(&world), ["one", "three"], "{store}");
        let (code, next) = world.reseal(&["run", "PLAN"]);
        assert!(code == 0 && next["run_id"] != first["run_id"], "{store}: {next}");
    }
}

/// A run of a part of the plan owes only the steps that are for it.
#[test]
fn a_scoped_run_leaves_after_to_the_whole() {
    let world = World::new("sqlite", "aes-gcm", 20);
    world.plan(&format!(
        "hooks:\n  before: [{}]\n  after:\n    - {}\n    - {}\n",
        note(&world, "before"),
        note(&world, "whole"),
        note(&world, "any").replace("] }", "], scoped: true }"),
    ));
    let (code, report) = world.reseal(&["run", "PLAN", "--table", "people"]);
    assert_eq!((code, report["state"].as_str()), (0, Some("scope_done")), "{report}");
    assert_eq!(log(&world), ["before", "any"]);
}

/// Watches that a stop is heeded between two steps: what comes after it is for the engine that goes on.
#[test]
fn a_stop_comes_between_two_steps() {
    let world = World::new("sqlite", "aes-gcm", 20);
    let file = world.path("log").display().to_string();
    let slow = format!("{{ command: [sh, -c, 'echo slow >> \"$0\"; sleep 1', \"{file}\"] }}");
    world.plan(&format!("hooks:\n  before:\n    - {slow}\n    - {}\n", note(&world, "next")));
    let mut engine = world.start(&["run", "PLAN"]);
    while log(&world).is_empty() {
        std::thread::sleep(Duration::from_millis(10));
    }
    Command::new("kill").args(["-INT", &engine.id().to_string()]).status().unwrap();
    assert_eq!(engine.wait().unwrap().code(), Some(4));
    assert_eq!(log(&world), ["slow"], "a step began after the stop");
    assert_eq!(world.reseal(&["run", "PLAN"]).0, 0);
    assert_eq!(log(&world), ["slow", "next"]);
}
