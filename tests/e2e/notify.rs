//! Notices: what a rotation tells arrives, over a mail server and a receiver of webhooks of another make, once for each
//! recipient, whoever is killed and whatever the other side does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::world::{STORES, World};

pub(crate) const PASSWORD: &str = "CANARY-PASSWORD-%40";
/// What the URL's `%40` stands for.
const PASSWORD_PLAIN: &str = "CANARY-PASSWORD-@";
const SIGNING_SECRET: &str = "CANARY-SIGNING-SECRET";

/// Every event, each told to two people by mail: two letters for each of the 24 kinds of notice.
const EVERYTHING: &str = "  on:\n    slow: { after: 30m, to: [team] }\n    remind: [team]\n    key-age: [team]\n    \
    announced: [team]\n    started: [team]\n    finished: [team]\n    failed: [team]\n    quarantined: [team]\n    not-clean: [team]\n    \
    deadline: [team]\n    restore-test-due: [team]\n    restore-test-failed: [team]\n    dead-man: [team]\n    \
    too-many-keys: [team]\n    audit-broken: [team]\n    unauthorised: [team]\n    approval-needed: [team]\n    failed-opens: [team]\n    \
    no-progress: [team]\n    throttled: [team]\n    connection-errors: [team]\n    disk: [team]\n    plan-changed: [team]\n";
const LETTERS: usize = 48;

/// A world, and a server that its notices go to.
pub(crate) struct Post {
    pub(crate) world: World,
    control: String,
    server: Child,
    pub(crate) port: String,
    pub(crate) scheme: &'static str,
}

impl Drop for Post {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Post {
    /// A mail server that wants a login, over TLS by `tls`; the plan mails what `on` says.
    pub(crate) fn mail(store: &str, rows: u32, tls: &str, on: &str) -> Post {
        Post::start_mail(store, rows, on, &["--tls", tls])
    }

    /// The same on no rows, with more arguments for the server; without TLS where that is `none`.
    pub(crate) fn mail_as(store: &str, tls: &str, on: &str, more: &[&str]) -> Post {
        let tls = if tls == "none" { vec![] } else { vec!["--tls", tls] };
        Post::start_mail(store, 0, on, &[&tls[..], more].concat())
    }

    fn start_mail(store: &str, rows: u32, on: &str, args: &[&str]) -> Post {
        let scheme = if args.contains(&"implicit") { "smtps" } else { "smtp" };
        let auth = format!("reseal:{PASSWORD_PLAIN}");
        let post = Post::start(store, rows, "smtp.py", &[args, &["--auth", &auth]].concat(), scheme);
        post.world.plan(&format!(
            "notify:\n  via: {{ mail: {{ smtp: {{ url: {{ env: POST_URL }}, from: Reseal <reseal@example.com> }} }} }}\n  \
             to: {{ team: {{ mail: [a@example.com, b@example.com] }} }}\n{on}"
        ));
        post
    }

    fn start(store: &str, rows: u32, script: &str, args: &[&str], scheme: &'static str) -> Post {
        let world = match rows {
            0 => World::empty(store, "aes-gcm"),
            rows => World::new(store, "aes-gcm", rows),
        };
        let folder = world.path("post");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("mode"), "ok").unwrap();
        let folder = folder.display().to_string();
        let mut command = world.script(script, &[&[folder.as_str()], args].concat());
        let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let control = match store {
            "sqlite" => format!("sqlite://{}/control.db", world.folder.path().display()),
            // Ledger and control database may share one: their tables have different names.
            _ => world.url.clone(),
        };
        Post { world, control, server, port: port.trim().to_owned(), scheme }
    }

    pub(crate) fn mode(&self, mode: &str) {
        std::fs::write(self.world.path("post/mode"), mode).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        let url = match self.scheme {
            "http" => format!("http://127.0.0.1:{}/hook", self.port),
            scheme => format!("{scheme}://reseal:{PASSWORD}@localhost:{}", self.port),
        };
        command.env("POST_URL", url).env("RESEAL_DATABASE_URL", &self.control);
        command.env("SSL_CERT_FILE", self.world.path("post/ca.pem"));
        command
    }

    /// Exit code and document; what is printed holds no secret.
    pub(crate) fn reseal(&self, args: &[&str]) -> (i32, Value) {
        let args = [args, &["--json"]].concat();
        told(&args, self.command(&args).env("RUST_LOG", "trace").output().unwrap())
    }

    /// What the other side took: a line each.
    fn lines(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.world.path("post").join(file)).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn mails(&self) -> Vec<Value> {
        self.lines("mails")
    }

    /// How often each Message-ID arrived.
    fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for mail in self.mails() {
            *copies.entry(mail["headers"]["message-id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        copies
    }

    /// Posts all there is, while the server takes nothing.
    fn post_everything(&self) {
        self.mode("later");
        let (code, test) = self.reseal(&["notify", "test", "PLAN"]);
        assert_eq!((code, test["sent"].as_u64()), (4, Some(0)), "{test}");
        assert_eq!(self.counts(), (0, LETTERS as u64, 0));
    }

    /// Letters sent, waiting and dead.
    pub(crate) fn counts(&self) -> (u64, u64, u64) {
        let (_, list) = self.reseal(&["notify", "list", "PLAN"]);
        let count = |name: &str| list["counts"][name].as_u64().unwrap();
        (count("sent"), count("waiting"), count("dead"))
    }
}

pub(crate) fn told(args: &[&str], output: Output) -> (i32, Value) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for secret in ["CANARY", "Q0FOQVJZ"] {
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{args:?} shows a secret: {stdout}{stderr}"
        );
    }
    let document = serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("{args:?}: {stdout}{stderr}"));
    (output.status.code().unwrap_or(-1), document)
}

/// Watches the unique key: polled again and again, the end of a run is told once.
#[test]
fn a_rotation_tells_its_end_once() {
    for store in STORES {
        let post = Post::mail(store, 40, "starttls", "  on: { finished: [team] }\n");
        let (code, run) = post.reseal(&["run", "PLAN"]);
        assert_eq!(code, 0, "{store}: {run}");
        for _ in 0..2 {
            let (code, sent) = post.reseal(&["notify", "send", "PLAN"]);
            assert_eq!((code, sent["sent"].as_u64()), (0, Some(0)), "{store}: {sent}");
        }
        let mails = post.mails();
        let to: BTreeSet<&str> = mails.iter().filter_map(|mail| mail["to"][0].as_str()).collect();
        assert_eq!((mails.len(), to), (2, BTreeSet::from(["a@example.com", "b@example.com"])), "{store}");
        assert_eq!(post.copies().len(), 2, "{store}: each letter has an id of its own");
        let (headers, text) = (&mails[0]["headers"], mails[0]["text"].as_str().unwrap());
        assert_eq!(headers["subject"].as_str(), Some("[people] Key rotation finished: main: v2"), "{store}");
        assert_eq!(headers["auto-submitted"].as_str(), Some("auto-generated"), "{store}");
        for expected in ["main: v1", "main: v2", run["run_id"].as_str().unwrap(), "duration"] {
            assert!(text.contains(expected), "{store}: {text}");
            assert!(mails[0]["html"].as_str().unwrap().contains(expected), "{store}: HTML");
        }
    }
}

/// Watches that a run which is over before anybody looks at it tells its beginning too, and tells it first.
#[test]
fn a_short_rotation_tells_its_beginning() {
    let post = Post::mail("sqlite", 10, "starttls", "  on: { started: [team], finished: [team] }\n");
    let (code, run) = post.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{run}");
    let mails = post.mails();
    let told: Vec<_> = mails.iter().filter_map(|mail| mail["headers"]["x-reseal-notice"].as_str()).collect();
    assert_eq!(told, ["started", "started", "finished", "finished"]);
}

/// P6: neither keys nor plaintext leave the house with a notice.
#[test]
fn no_secret_is_in_a_mail() {
    let post = Post::mail("sqlite", 0, "starttls", EVERYTHING);
    let key = "CANARY-KEY-0123456789-CANARY-KEY";
    post.world.set_key("v2", &base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key));
    post.world.producer(&["seed", &post.world.url, "people", "aes-gcm", "v1.json", "40"]);
    // A cell that cannot be opened is told of too.
    post.world.sql(&["UPDATE people SET a = 'v1:AAAA:CANARY-CELL' WHERE id = 3"]);
    let (code, run) = post.reseal(&["run", "PLAN"]);
    assert_eq!(code, 1, "{run}");
    post.reseal(&["notify", "send", "PLAN", "--early"]);
    let mails = post.mails();
    assert!(mails.iter().any(|mail| mail["headers"]["x-reseal-notice"] == "quarantined"), "{mails:?}");
    let seen = Value::from(mails).to_string();
    let first_key = std::fs::read_to_string(post.world.path("v1.key")).unwrap();
    let new_key = std::fs::read_to_string(post.world.path("v2.key")).unwrap();
    for secret in ["CANARY", "Q0FOQVJZ", "geheim", &first_key, &new_key] {
        assert!(!seen.contains(secret), "a mail holds {secret}");
    }
}

/// Watches lease and record: `kill -9` at any moment loses no letter, and makes a second copy only where it fell between
/// the server's yes and our note of it; that copy then has the same id.
#[test]
fn every_mail_arrives_over_kills() {
    const KILLS: usize = 12;
    let post = Post::mail("sqlite", 0, "starttls", EVERYTHING);
    post.post_everything();
    post.mode("pause:0.05");
    let mut kills = 0;
    while kills < KILLS {
        let before = post.mails().len();
        let mut send =
            post.command(&["notify", "send", "PLAN", "--early"]).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while post.mails().len() == before && send.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(60), "no mail within a minute");
        }
        let mut random = [0; 1];
        getrandom::fill(&mut random).unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(random[0]) / 3));
        send.kill().unwrap();
        send.wait().unwrap();
        kills += 1;
        if post.copies().len() == LETTERS {
            break;
        }
    }
    let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early"]);
    assert_eq!((code, post.counts()), (0, (LETTERS as u64, 0, 0)), "{sent}");
    let copies = post.copies();
    assert_eq!(copies.len(), LETTERS, "every letter arrived");
    let doubles: usize = copies.values().map(|copies| copies - 1).sum();
    assert!(doubles <= kills, "{doubles} second copies of {kills} kills");
}

/// Watches the compare-and-set that takes a letter.
#[test]
fn two_deliverers_send_each_mail_once() {
    for store in STORES {
        let post = Post::mail(store, 0, "starttls", EVERYTHING);
        post.post_everything();
        post.mode("pause:0.01");
        let args = ["notify", "send", "PLAN", "--early", "--json"];
        let start = || {
            let mut command = post.command(&args);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let both = [start(), start()].map(|child| told(&args, child.wait_with_output().unwrap()));
        let sent: u64 = both.iter().map(|(_, sent)| sent["sent"].as_u64().unwrap()).sum();
        assert_eq!((sent, post.mails().len()), (LETTERS as u64, LETTERS), "{store}: {both:?}");
        assert_eq!(post.copies().len(), LETTERS, "{store}");
    }
}

/// Watches which answers are final. What is final is shown, and can be tried again when its cause is mended.
#[test]
fn the_servers_answer_decides() {
    let post = Post::mail("sqlite", 40, "implicit", "  on: { remind: [team] }\n");
    let test = || post.reseal(&["notify", "test", "PLAN"]);
    let reasons = |state: &str| {
        let (_, list) = post.reseal(&["notify", "list", "PLAN"]);
        let letters = list[state].as_array().unwrap().clone();
        letters
            .iter()
            .map(|letter| letter["reason"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    // Three kinds go to who hears of reminders: reminder, restore test due, dead man.
    for (mode, exit, state, reason) in [
        ("later", 4, "waiting", "451"),
        ("login", 4, "waiting", "rejected the login (535)"),
        ("drop", 4, "waiting", ""),
        ("no", 5, "dead", "550"),
    ] {
        post.mode(mode);
        let (code, told) = test();
        assert_eq!(code, exit, "{mode}: {told}");
        let reasons = reasons(state);
        assert!(reasons.iter().filter(|told| told.contains(reason)).count() >= 3, "{mode}: {reasons:?}");
        assert!(post.mails().is_empty(), "{mode}");
        post.mode("ok");
        let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early", "--dead"]);
        assert_eq!((code, sent["sent"].as_u64()), (0, Some(6)), "{mode}: {sent}");
        assert_eq!(post.copies().values().copied().collect::<Vec<_>>(), [1; 6], "{mode}");
        std::fs::remove_file(post.world.path("post/mails")).unwrap();
    }
    post.mode("no");
    test();
    post.reseal(&["run", "PLAN"]);
    let (_, status) = post.reseal(&["status", "PLAN"]);
    assert_eq!(status["notices"]["dead"].as_u64(), Some(6), "{status}");
}

/// The gap of at-least-once: taken, and the answer lost. The second copy has the first one's id.
#[test]
fn a_second_copy_carries_the_same_id() {
    let post = Post::mail("sqlite", 0, "starttls", "  on: { started: [team] }\n");
    post.mode("drop-after");
    let (code, test) = post.reseal(&["notify", "test", "PLAN"]);
    assert_eq!(code, 4, "{test}");
    post.mode("ok");
    let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early"]);
    assert_eq!((code, sent["sent"].as_u64()), (0, Some(2)), "{sent}");
    assert_eq!(post.copies().values().copied().collect::<Vec<_>>(), [2, 2]);
}

/// Watches that the password is shown to nobody but the server: one with a certificate that nobody vouches for gets
/// neither it nor a mail, and one that is not there is no error of the letter.
#[test]
fn nothing_goes_to_a_server_that_is_not_the_right_one() {
    let post = Post::mail("sqlite", 0, "starttls", "  on: { started: [team] }\n");
    let stranger =
        post.command(&["notify", "test", "PLAN", "--json"]).env_remove("SSL_CERT_FILE").output().unwrap();
    let (code, test) = told(&["test"], stranger);
    assert_eq!((code, test["later"].as_u64(), post.mails().len()), (4, Some(2), 0), "{test}");
    let nobody = "smtp://reseal:CANARY@localhost:1";
    let gone = post
        .command(&["notify", "send", "PLAN", "--early", "--json"])
        .env("POST_URL", nobody)
        .output()
        .unwrap();
    let (code, sent) = told(&["send"], gone);
    assert_eq!((code, sent["later"].as_u64()), (4, Some(2)), "{sent}");
    let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early"]);
    assert_eq!((code, sent["sent"].as_u64()), (0, Some(2)), "{sent}");
}

/// Watches that mail is no part of the run: the server takes the mail and never answers.
#[test]
fn a_mail_server_that_never_answers_delays_no_rotation() {
    let post = Post::mail("sqlite", 400, "starttls", "  on: { finished: [team] }\n");
    post.mode("stall");
    let begun = Instant::now();
    let (code, run) = post.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{run}");
    assert!(begun.elapsed() < Duration::from_secs(60), "the end of a command waits ten seconds for mail");
    assert_eq!(post.counts().1, 2, "both letters wait");
    post.mode("ok");
    let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early"]);
    assert_eq!((code, sent["sent"].as_u64()), (0, Some(2)), "{sent}");
}

/// Watches the signature; and that an address as open as a URL is shown to nobody.
#[test]
fn a_receiver_of_another_make_verifies_the_signature() {
    let post = Post::start("sqlite", 40, "webhook.py", &[SIGNING_SECRET], "http");
    std::fs::write(post.world.path("signing"), format!("{SIGNING_SECRET}\n")).unwrap();
    let secret = post.world.path("signing").display().to_string();
    post.world.plan(&format!(
        "notify:\n  via:\n    hub: {{ webhook: {{ url: {{ env: POST_URL }}, tls: none, secret: {{ file: \"{secret}\" }} }} }}\n    \
         chat: {{ webhook: {{ url: {{ env: POST_URL }}, tls: none, shape: slack }} }}\n  \
         to: {{ ops: {{ hub: [], chat: [\"#ops\"] }} }}\n  on: {{ finished: [ops] }}\n"
    ));
    post.mode("503");
    let (code, run) = post.reseal(&["run", "PLAN"]);
    assert_eq!((code, post.counts()), (0, (0, 2, 0)), "{run}");
    post.mode("204");
    let (code, sent) = post.reseal(&["notify", "send", "PLAN", "--early"]);
    assert_eq!((code, sent["sent"].as_u64()), (0, Some(2)), "{sent}");
    let posts = post.lines("posts");
    let hub: Vec<&Value> = posts.iter().filter(|post| post["body"]["kind"] == "finished").collect();
    assert_eq!(hub.len(), 2, "one refused, one taken: {posts:?}");
    assert!(hub.iter().all(|post| post["signed"] == true && post["forged"] == false), "{hub:?}");
    assert_eq!(hub[0]["id"], hub[1]["id"]);
    assert_eq!(hub[1]["body"]["fields"]["new_key"], "main: v2");
    let chat = posts.iter().find(|post| post["body"].get("blocks").is_some()).unwrap();
    assert_eq!((&chat["body"]["channel"], &chat["signed"]), (&"#ops".into(), &false.into()));
    post.mode("404");
    post.world.plan(
        &std::fs::read_to_string(post.world.path("plan.yaml"))
            .unwrap()
            .split("notify:")
            .nth(1)
            .map(|notify| format!("notify:{}", notify.replace("finished", "remind")))
            .unwrap(),
    );
    let (code, test) = post.reseal(&["notify", "test", "PLAN"]);
    assert_eq!((code, test["dead"].as_u64()), (5, Some(6)), "{test}");
}
