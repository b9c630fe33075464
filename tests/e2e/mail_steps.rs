//! Mail that does not go out: at which step, against a server of another make.

use std::process::Command;

use crate::notify::{PASSWORD, Post, told};

/// A command whose letters do not go out, with what is told of that.
fn fails_with(post: &Post, command: &mut Command, reason: &str) {
    let (code, document) = told(&["test"], command.output().unwrap());
    assert!([4, 5].contains(&code), "{reason}: {document}");
    let (_, list) = post.reseal(&["notify", "list", "PLAN"]);
    let letters = ["waiting", "dead"].map(|state| list[state].as_array().unwrap().clone()).concat();
    let reasons: Vec<&str> = letters.iter().filter_map(|letter| letter["reason"].as_str()).collect();
    assert!(reasons.iter().any(|told| told.starts_with(reason)), "{reason}: {reasons:?}");
}

/// Watches that each step of a delivery is told by its name, both where TLS begins at once and where it begins later.
#[test]
fn a_mail_that_fails_says_at_which_step() {
    for tls in ["starttls", "implicit"] {
        let on = "  on: { started: [team] }\n";
        let post = Post::mail("sqlite", 0, tls, on);
        let (scheme, port) = (post.scheme, &post.port);
        let at = |host: &str, password: &str| format!("{scheme}://reseal:{password}@{host}");
        let right = at(&format!("localhost:{port}"), PASSWORD);
        for (mode, url, reason) in [
            ("ok", at("no-such-host.invalid", PASSWORD), "name resolution: the server name has no address"),
            (
                "ok",
                at("localhost:1", PASSWORD),
                "TCP connection: the server is unreachable (connection refused)",
            ),
            (
                "ok",
                at(&format!("localhost:{port}"), "CANARY-OTHER"),
                "login: the server rejected the login (535)",
            ),
            ("sender", right.clone(), "sender: the server rejected the mail (550): 5.7.1"),
            ("recipient", right.clone(), "recipient: the server rejected the mail (550): 5.1.1"),
            ("no", right.clone(), "content: the server rejected the mail (550): 5.1.1"),
        ] {
            post.mode(mode);
            fails_with(
                &post,
                post.command(&["notify", "test", "PLAN", "--json"]).env("POST_URL", url),
                reason,
            );
        }
        post.mode("ok");
        std::fs::create_dir(post.world.path("stranger")).unwrap();
        let folder = post.world.path("stranger").display().to_string();
        let made = post.world.script("certificate.py", &[&folder, "stranger.example"]).status().unwrap();
        assert!(made.success());
        let mut stranger = post.command(&["notify", "test", "PLAN", "--json"]);
        let reason = "certificate: the server's certificate is not signed by a CA that this machine trusts";
        fails_with(&post, stranger.env("SSL_CERT_FILE", post.world.path("stranger/ca.pem")), reason);
        let other = Post::mail_as("sqlite", tls, on, &["--name", "other.example"]);
        let reason = "certificate: the server's certificate is not valid for the host in the URL";
        fails_with(&other, &mut other.command(&["notify", "test", "PLAN", "--json"]), reason);
        if tls == "implicit" {
            let plain = Post::mail_as("sqlite", "none", on, &[]);
            let url = at(&format!("localhost:{}", plain.port), PASSWORD);
            let mut command = plain.command(&["notify", "test", "PLAN", "--json"]);
            fails_with(
                &plain,
                command.env("POST_URL", url),
                "TLS: the server supports no TLS version that Reseal supports",
            );
        }
    }
}
