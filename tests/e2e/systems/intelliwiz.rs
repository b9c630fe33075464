//! IntelliWiz: key ids and states in the application's own table, every 90 days.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::mails::Mails;
use super::system::{Read, System};
use crate::world::signal;

const OLDEST: &str = "key_20240601_090000_a1b2";
const CURRENT: &str = "key_20250901_090000_c3d4";

#[test]
fn intelliwiz_carries_out_its_runbook() {
    let mut system = System::new("intelliwiz", "postgres");
    system.set("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings");
    let keys = begin(&system);
    let before = system.digest();

    let new = prepares(&system, &before);
    system.refused(3, "proof", &["run", "PLAN"]);
    backed_up(&system);
    stuck(&system);
    rotates(&system, &new);
    let under = |id: &str| json!({ id: key(&system, id) });
    let old = json!({ OLDEST: keys[OLDEST], CURRENT: keys[CURRENT] });
    let cells = system.reads_all(&under(&new), &old);
    assert_eq!(system.digest().1, before.1, "columns beside the plan changed");
    assert_eq!(restarts(&system), 1);

    // "Emergency rollback": the previous key is active again, the new one waits.
    let back = ["rollback", "PLAN", "--confirm", "intelliwiz"];
    system.refused(2, "which-key", &back);
    system.runs("rolled_back", &[&back[..], &["--to-key", CURRENT]].concat());
    assert_eq!(system.digest(), before, "not the exact old bytes");
    assert_eq!((status(&system, CURRENT), status(&system, &new)), (json!("active"), json!("created")));
    assert_eq!(system.read(&keys).right, cells, "the application reads what it read before");

    system.runs("complete", &["run", "PLAN"]);
    system.reads_all(&under(&new), &old);
    system.drops_undo();
    system.retires(CURRENT, ("      mobno: { to: v2, from: [bare] }\n", ""), "people.mobno");

    system.ends(0, &["keys", "retire", "PLAN", OLDEST]);
    cleans_up(&system);

    // The next key by the same plan: it is too young for that, and an incident does not wait.
    system.manage("create_encryption_key");
    let waits = system.value("SELECT key_id FROM encryption_key_metadata WHERE rotation_status = 'created'");
    system.refused(3, "key-young", &["run", "PLAN", "--primary", waits.as_str().unwrap()]);
    let before = system.digest();
    system.refused(3, "key-young", &["run", "PLAN"]);
    assert_eq!(
        (system.digest(), status(&system, &new), status(&system, waits.as_str().unwrap())),
        (before, json!("active"), json!("created")),
        "a step of `before` was carried out"
    );
    system.runs("complete", &["run", "PLAN", "--emergency"]);
    let newer = system.value("SELECT key_id FROM encryption_key_metadata WHERE is_active");
    let newer = newer.as_str().unwrap();
    assert_ne!(newer, new);
    assert_eq!(status(&system, &new), "retired");
    system.reads_all(&under(newer), &under(&new));
}

/// People, and two keys as the application has them: one that was retired although bare tokens are under it, and the
/// one that is active since 80 days.
fn begin(system: &System) -> Value {
    system.write("application.json", &json!({ "database": system.url }).to_string());
    let mut keys = json!({ "primary": CURRENT, "bare": OLDEST });
    for id in [OLDEST, CURRENT] {
        let key = system.generate("base64url");
        system.write(&format!("encryption_keys/{id}"), &key);
        keys[id] = key.into();
    }
    system.seed(&keys, 300);
    let row = |id: &str, active: bool, state: &str, days: u32| {
        format!(
            "INSERT INTO encryption_key_metadata
             (key_id, is_active, rotation_status, created_at, activated_at, rotated_at, expires_at)
             SELECT '{id}', {active}, '{state}', at, at, CASE WHEN '{state}' = 'retired' THEN at + interval '90 days' END,
                    at + interval '90 days' FROM (SELECT now() - interval '{days} days' AS at) AS made"
        )
    };
    system.sql(&[&row(OLDEST, false, "retired", 500), &row(CURRENT, true, "active", 80)]);
    system.ends(0, &["keys", "activate", "PLAN", CURRENT, "--since", "2025-09-01"]);
    keys
}

/// A backup that is older than an hour is none.
fn backed_up(system: &System) {
    let backup = "backups/backup_20251130_020000.sql";
    system.write(backup, "dump");
    let of_age = |seconds: u64| {
        let made = std::time::SystemTime::now() - Duration::from_secs(seconds);
        let file = std::fs::File::options().write(true).open(system.path(backup)).unwrap();
        file.set_modified(made).unwrap();
    };
    of_age(3700);
    system.refused(3, "backup-old", &["run", "PLAN"]);
    of_age(3000);
}

/// "Only cleanup keys retired > 1 year ago".
fn cleans_up(system: &System) {
    let due = || system.ends(0, &["keys", "list", "PLAN", "--due"])["keys"].clone();
    assert_eq!(due(), json!([]));
    let destroy = ["keys", "destroy", "PLAN", OLDEST, "--confirm", OLDEST];
    system.refused(3, "key-kept", &destroy);
    system.control(&format!(
        "UPDATE reseal_catalogue_key SET retired_at = retired_at - 366 * 86400000 WHERE key_id = '{OLDEST}'"
    ));
    assert_eq!((&due()[0]["key"], &due()[1]), (&json!(OLDEST), &Value::Null));
    system.ends(0, &destroy);
    assert!(!system.path(&format!("encryption_keys/{OLDEST}")).exists(), "the key is still there");
    assert_eq!(due(), json!([]));
    // Its row in the application's table is the application's; without a file it is a key that cannot be read.
    system.sql(&[&format!("DELETE FROM encryption_key_metadata WHERE key_id = '{OLDEST}'")]);
}

/// "Rotation stuck at migrating data": it is killed, and goes on with smaller batches; "one record that does not open".
#[test]
fn intelliwiz_goes_on_with_smaller_batches() {
    let mut system = System::new("intelliwiz", "postgres");
    system.set("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings");
    let keys = begin(&system);
    system.write("backups/backup_20251130_020000.sql", "dump");
    system.ends(0, &["check", "PLAN", "--connect"]);
    system.sql(&["UPDATE people SET email = left(email, -4) WHERE number = 21"]);
    let mut run = system.start(&["run", "PLAN", "--batch-rows", "1"]);
    system.wait_for_first_swap();
    signal(&run, "-KILL");
    assert_eq!(run.wait().unwrap().code(), None, "it was over before it was killed");
    let moved = system.ends(0, &["status", "PLAN"]);
    let run = system.ends(1, &["run", "PLAN", "--batch-rows", "50"]);
    assert_eq!(run["run_id"], moved["run_id"], "it began anew");
    assert_eq!(restarts(&system), 1, "a step that was done was repeated");
    let inspected = system.ends(0, &["inspect", "PLAN", "--table", "people", "--row", "21"]).to_string();
    assert!(inspected.contains("email") && inspected.contains("mobno"), "{inspected}");
    assert!(!inspected.contains("geheim"), "a plaintext is shown: {inspected}");
    // "Rotation log, history".
    let runs = system.ends(0, &["runs", "PLAN"]);
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs}");
    let day = |offset: &str| day(offset);
    let report =
        ["audit", "report", "PLAN", "--standard", "soc2", "--from", &day("-1 day"), "--to", &day("+1 day")];
    let report = system.ends(0, &report);
    assert!(report.to_string().contains(run["run_id"].as_str().unwrap()), "{report}");
    assert_eq!(system.read(&keys).cells, system.read(&json!({})).cells);
}

/// "Set alert for 14 days before", "notify team", and what is said where more than five keys are in use.
#[test]
fn intelliwiz_mails_ages_and_ends() {
    let mut system = System::new("intelliwiz", "postgres");
    system.set("DJANGO_SETTINGS_MODULE", "intelliwiz_config.settings");
    begin(&system);
    system.write("backups/backup_20251130_020000.sql", "dump");
    let mails = Mails::start(&mut system);
    // It is active for 66 days, and expires at seven o'clock.
    system.sql(&["UPDATE encryption_key_metadata SET expires_at = now() + interval '1 year'"]);
    system.control(
        "UPDATE reseal_catalogue_key SET expires_at = NULL,
         activated_at = (CAST(unixepoch('now', 'start of day') AS integer) + (24 - 90) * 86400 + 7 * 3600) * 1000",
    );
    let looks = |offset: &str| {
        let day = day(offset);
        system.fires_and_mails("key-age", &format!("{day}T07:40:00Z"), &format!("{day}T08:00:00Z"));
        system.ends(0, &["notify", "send", "PLAN"]);
    };
    looks("+9 days");
    assert_eq!(mails.of("key-expiring").len(), 0, "15 days are left");
    looks("+10 days");
    looks("+11 days");
    assert_eq!(mails.told("key-expiring").0, ["security"], "once, at the fourteenth day");

    let older: Vec<String> = (1..=4).map(|n| format!("key_2023010{n}_090000_aaaa")).collect();
    for id in &older {
        system.write(&format!("encryption_keys/{id}"), &system.generate("base64url"));
        system.sql(&[&format!(
            "INSERT INTO encryption_key_metadata (key_id, rotation_status, created_at) VALUES ('{id}', 'retired', now() - interval '2 years')"
        )]);
    }
    system.runs("complete", &["run", "PLAN", "--emergency"]);
    let text = mails.of("finished")[0]["text"].as_str().unwrap().to_owned();
    let newer = system.value("SELECT key_id FROM encryption_key_metadata WHERE is_active");
    for part in [CURRENT, newer.as_str().unwrap(), "cells", "duration", "next due"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Nobody retires the keys that it moved cells away from: the next run says how many there are by now.
    let output = system.command(&["run", "PLAN", "--emergency"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("8 keys are active or rotating, but the policy allows only 5"), "{said}");
    looks("+12 days");
    assert_eq!(mails.told("too-many-keys").0, ["security"]);
}

/// A day from today on (UTC).
fn day(offset: &str) -> String {
    let date = Command::new("date").args(["-u", "-d", offset, "+%F"]).output().unwrap();
    String::from_utf8(date.stdout).unwrap().trim().to_owned()
}

fn key(system: &System, id: &str) -> String {
    std::fs::read_to_string(system.path(&format!("encryption_keys/{id}"))).unwrap()
}

fn status(system: &System, id: &str) -> Value {
    system.value(&format!("SELECT rotation_status FROM encryption_key_metadata WHERE key_id = '{id}'"))
}

fn restarts(system: &System) -> usize {
    std::fs::read_to_string(system.path("supervisor.log")).unwrap().lines().count()
}

/// "Check current key status", a new key that waits, and a dry run to it.
fn prepares(system: &System, before: &(String, String)) -> String {
    assert_eq!(system.key_state(CURRENT), "active");
    let listed = system.ends(0, &["keys", "list", "PLAN"]);
    let current = listed["keys"].as_array().unwrap().iter().find(|key| key["key"] == CURRENT).unwrap();
    assert!(current["age_seconds"].is_number() && current["expires"].is_string(), "{current}");
    system.manage("create_encryption_key");
    let new = system.value("SELECT key_id FROM encryption_key_metadata WHERE rotation_status = 'created'");
    let new = new.as_str().unwrap().to_owned();
    let dry = system.ends(0, &["run", "PLAN", "--dry-run", "--primary", &new]);
    let Read { cells, .. } = system.read(&json!({}));
    assert_eq!(dry["cells_old"].as_u64(), Some(cells), "{dry}");
    assert!(dry["estimate_seconds"].is_f64(), "{dry}");
    assert_eq!((&system.digest(), restarts_none(system)), (before, true), "a dry run wrote, or ran a hook");
    new
}

fn restarts_none(system: &System) -> bool {
    !system.path("supervisor.log").exists()
}

/// "No keys stuck in rotating": a step before the run refuses, and nothing is written.
fn stuck(system: &System) {
    let set = |state: &str| {
        format!("UPDATE encryption_key_metadata SET rotation_status = '{state}' WHERE key_id = '{OLDEST}'")
    };
    let before = system.digest();
    system.sql(&[&set("rotating")]);
    let (code, refused) = system.reseal(&["run", "PLAN"]);
    assert!(code == 3 && refused.to_string().contains("stuck in rotating"), "{code}: {refused}");
    assert_eq!((system.digest(), restarts_none(system)), (before, true));
    rolls_back(system, "rotating");
    system.sql(&[&set("retired")]);
    undone_step_by_step(system);
}

/// The rollback of a run that came to an end among its first steps: the key that was active is, and nothing else moved.
fn rolls_back(system: &System, oldest: &str) {
    system.runs("rolled_back", &["rollback", "PLAN", "--confirm", "intelliwiz"]);
    assert_eq!((status(system, CURRENT), status(system, OLDEST)), (json!("active"), json!(oldest)));
}

/// A run that fails once some of its steps succeeded: those are undone, and no others.
fn undone_step_by_step(system: &System) {
    let back = |name: &str| std::fs::rename(system.path(name), system.path("application.json")).unwrap();
    std::fs::rename(system.path("application.json"), system.path("away.json")).unwrap();
    system.refused(3, "hook-failed", &["run", "PLAN"]);
    assert_eq!(status(system, CURRENT), "active", "no key could be made");
    rolls_back(system, "retired");
    assert!(restarts_none(system));
    back("away.json");

    system.sql(&[
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not now'; END $$",
        "CREATE TRIGGER refuse BEFORE UPDATE ON encryption_key_metadata FOR EACH ROW \
         WHEN (OLD.rotation_status = 'created') EXECUTE FUNCTION refuse()",
    ]);
    system.refused(3, "hook-failed", &["run", "PLAN"]);
    assert_eq!(status(system, CURRENT), "rotating", "the new key could not be made active");
    rolls_back(system, "retired");
    assert_eq!(restarts(system), 1, "the application reads the states again");
    std::fs::remove_file(system.path("supervisor.log")).unwrap();
    system.sql(&["DROP TRIGGER refuse ON encryption_key_metadata", "DROP FUNCTION refuse"]);
}

/// A run that fails can be gone on with, so the new key stays active and the old one rotating until it is over; steps
/// that are done are not done again.
fn rotates(system: &System, new: &str) {
    let row = "FROM people WHERE number = 21";
    let email = system.value(&format!("SELECT email {row}"));
    system.sql(&["UPDATE people SET email = left(email, -4) WHERE number = 21"]);
    let run = system.ends(1, &["run", "PLAN"]);
    assert_eq!(run["cells_quarantined"], 1, "{run}");
    assert_eq!((status(system, CURRENT), status(system, new)), (json!("rotating"), json!("active")));
    system.sql(&[&format!("UPDATE people SET email = '{}' WHERE number = 21", email.as_str().unwrap())]);
    system.runs("complete", &["run", "PLAN"]);
    assert_eq!((status(system, CURRENT), status(system, new)), (json!("retired"), json!("active")));
    system.ends(0, &["verify", "PLAN"]);
}
