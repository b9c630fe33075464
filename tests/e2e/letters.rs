//! What becomes of letters afterwards: the trail keeps that they went out, and the outbox forgets them.

use std::process::Command;
use std::time::Duration;

use crate::notify::{PASSWORD, Post};
use crate::served::{Daemon, events, wait_for};

/// Watches the record of what left the house, and of what was given up.
#[test]
fn what_left_the_house_is_in_the_trail() {
    let post = Post::mail("sqlite", 40, "starttls", "  on: { finished: [team] }\n");
    assert_eq!(post.reseal(&["run", "PLAN"]).0, 0);
    let sent = events(&post.world, "notice-sent");
    let told: Vec<&str> = sent.iter().filter_map(|event| event["to"].as_str()).collect();
    assert_eq!(told.len(), 2, "{sent:?}");
    assert!(sent.iter().all(|event| event["notice"] == "finished" && event["via"] == "mail"), "{sent:?}");
    post.mode("no");
    assert_eq!(post.reseal(&["run", "PLAN"]).0, 0);
    let dead = events(&post.world, "notice-failed");
    assert_eq!(dead.len(), 2, "{dead:?}");
    assert!(dead[0]["reason"].as_str().unwrap().contains("550"), "{dead:?}");
}

/// Watches that old letters go, dead ones later, and that nobody hears of a run a second time once its letter is gone.
#[test]
fn old_letters_are_forgotten_and_not_sent_again() {
    let post = Post::mail(
        "sqlite",
        40,
        "starttls",
        "  on: { finished: [team], started: [team] }\nschedule: { zone: UTC, never: { cron: \"0 0 29 2 *\", do: census } }\n",
    );
    assert_eq!(post.reseal(&["run", "PLAN"]).0, 0);
    post.mode("no");
    assert_eq!(post.reseal(&["run", "PLAN"]).0, 0);
    post.mode("ok");
    let (sent, _, dead) = post.counts();
    assert!(sent >= 2 && dead >= 2, "{sent}, {dead}");
    let arrived = post.mails().len();
    let serve = |from: &str, left: (u64, u64, u64)| {
        let port = post.port.clone();
        let daemon = Daemon::start_with(&post.world, from, |command| {
            command.env("POST_URL", format!("smtp://reseal:{PASSWORD}@localhost:{port}"));
            command.env("SSL_CERT_FILE", post.world.path("post/ca.pem"));
        });
        wait_for(&post.world, "letters to be forgotten", || (post.counts() == left).then_some(()));
        // Several looks at the runs, which are in the ledger as before.
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!((post.counts(), post.mails().len()), (left, arrived));
        daemon.stop();
    };
    let after = |days: &str| {
        let date = Command::new("date").args(["-u", "-d", days, "+%FT%TZ"]).output().unwrap();
        String::from_utf8(date.stdout).unwrap().trim().to_owned()
    };
    serve(&after("+80 days"), (sent, 0, dead));
    serve(&after("+100 days"), (0, 0, dead));
    serve(&after("+400 days"), (0, 0, 0));
}
