//! P4; watches that checkpoint and swaps share a transaction: kill -9 between the first and the last swap, again and
//! again, and nothing is lost, sealed twice or counted twice.

use std::time::{Duration, Instant};

use crate::world::World;

const KILLS: usize = 20;
const ROWS: u32 = 4000;
/// Cells that are not NULL among two of each row.
const CELLS: u64 = 2 * ROWS as u64 - 2 * (ROWS as u64 / 50);

fn survives_kills(store: &str) {
    let world = World::new(store, "aes-gcm", ROWS);
    world.plan("throttle: { rows_per_second: 400 }\nbatch: { rows: 20 }\n");
    let mut between = 0;
    for kill in 0..KILLS * 3 {
        let mut run = world.start(&["run", "PLAN"]);
        let before = rotated(&world);
        let begun = Instant::now();
        // Past the start, so that the kill falls among swaps; then at a moment of no particular meaning.
        while rotated(&world) <= before && run.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{store}: no swap within a minute");
        }
        let mut random = [0; 1];
        getrandom::fill(&mut random).unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(random[0]) / 4));
        run.kill().unwrap();
        run.wait().unwrap();
        let now = rotated(&world);
        assert!(now < CELLS, "{store}: the run ended before kill {kill}; it is too fast for this test");
        between += usize::from(now > 0);
        if between == KILLS {
            break;
        }
    }
    assert_eq!(between, KILLS, "{store}: too few kills fell between the first and the last swap");
    world.plan("");
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
    assert_eq!(run["cells_rotated"], CELLS, "{store}: a cell was counted twice or not at all: {run}");
    assert_eq!(world.read("v2"), (ROWS.into(), CELLS, ROWS.into()), "{store}");
}

fn rotated(world: &World) -> u64 {
    world.reseal(&["status", "PLAN"]).1["cells_rotated"].as_u64().unwrap_or(0)
}

#[test]
fn killed_twenty_times_on_sqlite() {
    survives_kills("sqlite");
}

#[test]
fn killed_twenty_times_on_postgres() {
    survives_kills("postgres");
}

#[test]
fn killed_twenty_times_on_mariadb() {
    survives_kills("mysql");
}
