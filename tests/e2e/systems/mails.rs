//! The mail server of a system, and what reached it.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use serde_json::Value;

use super::system::System;

/// A mail server of another make; it stops with the test.
pub(crate) struct Mails {
    server: Child,
    folder: PathBuf,
}

impl Drop for Mails {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

impl Mails {
    /// Starts one with STARTTLS, and puts it where the plans take theirs from.
    pub(crate) fn start(system: &mut System) -> Mails {
        let folder = system.path("post");
        system.write("post/mode", "ok");
        let at = folder.display().to_string();
        let mut command = system.script("smtp.py", &[&at, "--tls", "starttls"]);
        let mut server = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        system.set("SMTP_URL", format!("smtp://localhost:{}", port.trim()));
        system.set("SSL_CERT_FILE", folder.join("ca.pem").display().to_string());
        Mails { server, folder }
    }

    /// The mails of a kind, in the order in which they came.
    pub(crate) fn of(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join("mails")).unwrap_or_default();
        let all = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        all.filter(|mail| mail["headers"]["x-reseal-notice"] == kind).collect()
    }

    /// Who got mails of a kind, each name as often as mails came, in the alphabet's order; those apart that say that the cause
    /// is over.
    pub(crate) fn told(&self, kind: &str) -> (Vec<String>, Vec<String>) {
        let (mut raised, mut over) = (Vec::new(), Vec::new());
        for mail in self.of(kind) {
            let is_over = mail["headers"]["subject"].as_str().unwrap().contains("] Resolved: ");
            let to = mail["to"][0].as_str().unwrap().split('@').next().unwrap().to_owned();
            if is_over { over.push(to) } else { raised.push(to) }
        }
        raised.sort();
        over.sort();
        (raised, over)
    }
}
