//! `/healthz` and the databases of the plans: one that stops, one that is killed, one whose file is gone.

use std::time::{Duration, Instant};

use crate::own_postgres::OwnPostgres;
use crate::pages::Pages;
use crate::world::World;

const PASSWORD: &str = "plinthocelot47";
/// What is promised.
const PROMISED: Duration = Duration::from_secs(15);

/// A world whose plan waits for next year, and plans beside it under other names, whose databases variables name.
fn world(others: &[&str]) -> World {
    let world = World::empty("sqlite", "aes-gcm");
    world.plan("schedule: { zone: UTC, look: { cron: \"0 4 1 1 *\", do: { remind: look } } }\n");
    let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
    for name in others {
        let variable = name.to_uppercase();
        let other =
            plan.replace("name: people", &format!("name: {name}")).replace("TEST_DATABASE_URL", &variable);
        std::fs::write(world.path(&format!("{name}.yaml")), other).unwrap();
    }
    world
}

fn serve(world: &World, others: &[(&str, &str)]) -> Pages {
    let files: Vec<String> =
        others.iter().map(|(name, _)| world.path(&format!("{name}.yaml")).display().to_string()).collect();
    let mut args = vec!["serve", "PLAN"];
    args.extend(files.iter().map(String::as_str));
    args.extend(["--listen", "127.0.0.1:0"]);
    let mut command = world.command(&args);
    command.envs(others.iter().map(|(name, url)| (name.to_uppercase(), url)));
    let pages = Pages::start(&mut command);
    pages.until("200");
    pages
}

/// What `/healthz` says, without its head.
fn said(pages: &Pages) -> String {
    let answer = pages.get("/healthz", &pages.address);
    assert!(!answer.contains(PASSWORD), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Watches the probes of the plans' databases: a server that hangs, and one that is gone. What names it shows no password.
#[test]
fn a_plan_whose_server_is_lost_is_named_within_fifteen_seconds() {
    let world = world(&["ledgers"]);
    let mut server = OwnPostgres::start();
    let pages = serve(&world, &[("ledgers", &server.url(PASSWORD))]);
    let lost = |how: &str| {
        let passed = pages.until("503");
        assert!(passed < PROMISED, "{how}: {passed:?}");
        let said = said(&pages);
        assert!(said.starts_with("the database of plan ledgers: "), "{how}: {said}");
        assert!(!said.contains("people"), "{how}: {said}");
    };
    server.signal("-STOP");
    lost("stopped");
    server.signal("-CONT");
    assert!(pages.until("200") < PROMISED);
    server.kill();
    lost("killed");
    server.start_again();
    assert!(pages.until("200") < PROMISED);
}

/// Watches that a database which hangs delays no other, and that each is told.
#[test]
fn a_database_that_hangs_hides_no_other() {
    let world = world(&["ledgers"]);
    let server = OwnPostgres::start();
    let pages = serve(&world, &[("ledgers", &server.url(PASSWORD))]);
    let (file, away) = (world.path("data.db"), world.path("away.db"));
    server.signal("-STOP");
    // By now the server is waited for.
    std::thread::sleep(Duration::from_secs(5));
    std::fs::rename(&file, &away).unwrap();
    let begun = Instant::now();
    while !said(&pages).contains("the database of plan people: ") {
        assert!(begun.elapsed() < PROMISED, "{}", said(&pages));
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(said(&pages).contains("there is no such file"), "{}", said(&pages));
    std::thread::sleep(PROMISED.saturating_sub(begun.elapsed()));
    assert!(said(&pages).contains("the database of plan ledgers: "), "{}", said(&pages));
    std::fs::rename(&away, &file).unwrap();
    server.signal("-CONT");
    assert!(pages.until("200") < PROMISED);
}

/// Watches that two plans of one database are one probe, that connections are few and short, and that both are named.
#[test]
fn plans_of_one_database_are_probed_by_one_connection_that_ends() {
    let world = world(&["ledgers", "letters"]);
    let mut server = OwnPostgres::start();
    let url = server.url(PASSWORD);
    let pages = serve(&world, &[("ledgers", &url), ("letters", &url)]);
    let ask = |what: &str| {
        let answer = world.producer(&["sql", &url, what]);
        answer[0][0].as_i64().unwrap_or_else(|| answer[0][0].as_str().unwrap().parse().unwrap())
    };
    // Each question of this test is a session too.
    let sessions = || ask("SELECT sessions FROM pg_stat_database WHERE datname = 'postgres'");
    std::thread::sleep(Duration::from_secs(5));
    let before = sessions();
    std::thread::sleep(Duration::from_secs(16));
    let probes = sessions() - before - 1;
    assert!((3..=5).contains(&probes), "{probes} sessions in 16 s");
    let open = ask("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'");
    assert!(open <= 2, "{open} connections, one of them this question's");
    server.kill();
    assert!(pages.until("503") < PROMISED);
    let said = said(&pages);
    assert!(said.starts_with("the database of plans ledgers, letters: "), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}
