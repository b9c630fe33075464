//! What an earlier version left behind is resumed: a paused run, kept old cells, a request that waits for approval.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::steered::ledger;
use crate::world::{STORES, World, answer, new_database};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/upgrade")
}

/// The commits that there are databases of, by the name of their folder.
fn commits() -> Vec<String> {
    let folders = std::fs::read_dir(fixtures()).unwrap().map(Result::unwrap);
    let commits = folders.filter(|entry| entry.file_type().unwrap().is_dir());
    commits.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

/// The databases of an earlier version, in a world with its keys and plans.
struct Earlier {
    world: World,
    name: String,
}

impl Earlier {
    fn load(commit: &str, store: &str) -> Earlier {
        let mut world = World::empty(store, "aes-gcm");
        if store != "sqlite" {
            world.control = new_database(store, world.folder.path());
        }
        for entry in std::fs::read_dir(fixtures()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                let copy = world.path(entry.file_name().to_str().unwrap());
                std::fs::copy(entry.path(), &copy).unwrap();
                // Nobody else may read a key, or write who may approve.
                std::fs::set_permissions(copy, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let earlier = Earlier { name: format!("{commit}, {store}"), world };
        let folder = fixtures().join(commit).join(store);
        earlier.fill(&folder.join("data.sql"), &earlier.world.url);
        earlier.fill(&folder.join("control.sql"), &earlier.world.control);
        earlier
    }

    fn fill(&self, dump: &Path, url: &str) {
        let text = std::fs::read_to_string(dump).unwrap();
        let own = url.rsplit_once('/').unwrap().1;
        let copy = self.world.path("dump.sql");
        std::fs::write(&copy, text.replace("fixture_data", own)).unwrap();
        self.world.producer(&["load", url, copy.to_str().unwrap()]);
    }

    /// A command in the folder of the plans, whose files they name.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(&[args, &["--json"]].concat());
        command.current_dir(self.world.folder.path()).env_remove("SUDO_USER").env("USER", "fixture");
        command
    }

    fn reseal(&self, args: &[&str]) -> (i32, Value) {
        answer(&mut self.command(args))
    }

    fn done(&self, args: &[&str]) -> Value {
        let (code, document) = self.reseal(args);
        assert_eq!(code, 0, "{}, {args:?}: {document}", self.name);
        document
    }

    /// Brings both books up to date, as an operator does who keeps the rights for it to himself.
    fn migrate(&self) {
        for args in [&["migrate", "kept.yaml"][..], &["migrate", "--control"]] {
            let first = self.done(args);
            assert_eq!(self.done(args), first, "{}: once more", self.name);
        }
    }

    fn cells(&self, table: &str) -> Value {
        self.world.sql(&[&format!("SELECT id, a, b FROM {table} ORDER BY id")])
    }

    /// Puts a table's cells back, and checks that each byte is what it was before the first run.
    fn goes_back(&self, table: &str) {
        let (plan, name) = (format!("{table}.yaml"), format!("upgrade-{table}"));
        let back = self.done(&["rollback", &plan, "--confirm", &name]);
        assert_eq!(
            (&back["state"], &back["cells_resealed"]),
            (&json!("rolled_back"), &json!(0)),
            "{}",
            self.name
        );
        assert_eq!(self.cells(table), self.cells(&format!("{table}_before")), "{}: {back}", self.name);
    }
}

/// Carries something out in the databases of every earlier version, after `reseal migrate` and without it.
fn in_each(check: impl Fn(&Earlier)) {
    for commit in commits() {
        for store in STORES {
            for migrated in [true, false] {
                let earlier = Earlier::load(&commit, store);
                if migrated {
                    earlier.migrate();
                }
                check(&earlier);
            }
        }
    }
}

/// Watches shards, claims, keys and kept cells of a run that an earlier version began.
#[test]
fn a_paused_run_of_an_earlier_version_is_resumed() {
    in_each(|earlier| {
        let before = earlier.done(&["status", "paused.yaml"]);
        assert_eq!(before["state"], "paused", "{}: {before}", earlier.name);
        let part = before["cells_rotated"].as_u64().unwrap();
        let run = earlier.done(&["resume", "paused.yaml"]);
        assert_eq!(
            (&run["state"], &run["run_id"]),
            (&json!("complete"), &before["run_id"]),
            "{}",
            earlier.name
        );
        let all = run["cells_rotated"].as_u64().unwrap();
        assert!(part > 0 && part < all && all == 58, "{}: {part} of {all} cells", earlier.name);
        earlier.done(&["verify", "paused.yaml"]);
        earlier.goes_back("paused");
        earlier.done(&["audit", "verify"]);
    });
}

/// Watches kept old cells: they are read as they were packed.
#[test]
fn kept_cells_of_an_earlier_version_go_back_exactly() {
    in_each(|earlier| {
        earlier.goes_back("kept");
        let run = earlier.done(&["run", "kept.yaml"]);
        assert_eq!(
            (&run["state"], &run["cells_rotated"]),
            (&json!("complete"), &json!(58)),
            "{}",
            earlier.name
        );
    });
}

/// Watches a rollback that an earlier version began, as a run of its own nobody knew: some cells are back, the others go back.
#[test]
fn a_rollback_of_an_earlier_version_goes_on() {
    in_each(|earlier| {
        let store = earlier.name.rsplit(", ").next().unwrap();
        let back = |column: &str| {
            format!("{column} = (SELECT {column} FROM kept_before WHERE kept_before.id = kept.id)")
        };
        earlier.world.sql(&[
            &format!(
                "UPDATE {} SET state = 'rolling_back', epoch = epoch + 1, lease_until = 0 WHERE plan = 'upgrade-kept'",
                ledger(store, "run")
            ),
            &format!("UPDATE kept SET {}, {} WHERE id <= 7", back("a"), back("b")),
        ]);
        assert_eq!(earlier.done(&["status", "kept.yaml"])["state"], "rolling_back", "{}", earlier.name);
        earlier.goes_back("kept");
    });
}

/// Watches what was signed: it is of the same request, and the request is made use of once.
#[test]
fn a_request_of_an_earlier_version_is_approved_and_made_use_of() {
    in_each(|earlier| {
        let run = || earlier.reseal(&["run", "agreed.yaml"]);
        let (_, list) = earlier.reseal(&["approve", "list", "agreed.yaml"]);
        let asked = &list["requests"][0];
        // Since requests name the database, one is of no copy of it, and these are copies.
        let names_another = !asked["database"].is_null();
        assert!(names_another || asked["approvers"] == json!(["alice"]), "{}: {list}", earlier.name);
        let request = asked["request"].as_str().unwrap();
        let waits = run();
        let awaited = crate::approvals::request(&waits);
        assert_eq!(awaited != request, names_another, "{}: {}", earlier.name, waits.1);
        let signers = if names_another { &["alice", "bob"][..] } else { &["bob"] };
        for name in signers {
            let key = format!("{name}.approver");
            earlier.done(&["approve", &awaited, "--key", &key, "--plan", "agreed.yaml"]);
        }
        let (code, done) = run();
        assert_eq!((code, &done["state"]), (0, &json!("complete")), "{}: {done}", earlier.name);
        let again = run();
        let message = again.1["error"]["message"].as_str().unwrap_or_default();
        assert!(
            again.0 == 4 && !message.contains(&awaited),
            "{}: it was made use of: {}",
            earlier.name,
            again.1
        );
    });
}
