//! A disk that fills up under a run.

use std::process::{Command, Stdio};

use crate::world::{World, binary};

const ROWS: u32 = 5000;

/// P4, P8; watches how a full disk is sorted (`Trouble::Unwritable`): the run pauses with the reason, at once, and goes
/// on where it stopped as soon as there is room. The disk is a real one of a few pages more than the database, seen by
/// one process alone: nothing outside has to be mounted.
#[test]
fn a_full_disk_pauses_the_run() {
    let world = World::new("sqlite", "aes-gcm", ROWS);
    world.plan("batch: { rows: 200 }\n");
    world.sql(&["PRAGMA wal_checkpoint(TRUNCATE)"]);
    let size = std::fs::metadata(world.path("data.db")).unwrap().len();
    std::fs::create_dir(world.path("disk")).unwrap();
    let script = "mount -t tmpfs -o size=$SIZE none disk && cp data.db disk/ || exit 90; \
                  \"$RESEAL\" run plan.yaml --json; code=$?; cp disk/data.db* . || exit 91; exit $code";
    let run = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script])
        .current_dir(world.folder.path())
        .env("SIZE", (size + 1_500_000).to_string())
        .env("RESEAL", binary())
        .env("RESEAL_DATABASE_URL", &world.control)
        .env("TEST_DATABASE_URL", format!("sqlite://{}/disk/data.db", world.folder.path().display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    assert_eq!(run.status.code(), Some(4), "{told}{}", String::from_utf8_lossy(&run.stderr));
    assert!(told.contains("unwritable") && told.contains("full"), "{told}");
    let (_, status) = world.reseal(&["status", "PLAN"]);
    let rotated = status["cells_rotated"].as_u64().unwrap();
    assert!(rotated > 0, "the disk was full before the first batch: {status}");
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    let cells = 2 * u64::from(ROWS) - 2 * u64::from(ROWS / 50);
    assert_eq!(run["cells_rotated"], cells, "{run}");
    assert_eq!(world.read("v2"), (ROWS.into(), cells, ROWS.into()));
}
