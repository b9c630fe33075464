//! Wrong plans, each beside what a terminal shows of its mistakes.
//!
//! `UPDATE_GOLDEN=1 cargo test -p reseal-plan` rewrites the answers. Read each that changed: it should be what you
//! would want to see at three in the morning.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use common::VOCABULARY;
use reseal_plan::{PlanFile, parse};

#[test]
fn every_wrong_plan_gets_its_answer() {
    let mut differing = Vec::new();
    for (path, text) in common::plans("wrong") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let shown = match parse(PlanFile::named(&name), &text, &VOCABULARY) {
            Ok(_) => "no mistake found\n".to_owned(),
            Err(problems) => problems.to_string(),
        };
        let golden = path.with_extension("txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &shown).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if shown != expected {
            differing.push(format!("--- {name} expected\n{expected}--- {name} found\n{shown}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn there_are_forty_and_each_is_refused_within_eighty_columns() {
    let plans = common::plans("wrong");
    assert!(plans.len() >= 40, "{} wrong plans", plans.len());
    for (path, _) in plans {
        let golden = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        assert!(!golden.contains("no mistake found"), "{}", path.display());
        for line in golden.lines() {
            assert!(line.chars().count() <= 80, "{}: {line}", path.display());
            assert!(!line.chars().any(char::is_control), "{}: {line:?}", path.display());
        }
    }
}

/// Every secret of the wrong plans is one of these words.
#[test]
fn no_answer_shows_a_secret() {
    for (path, _) in common::plans("wrong") {
        let golden = std::fs::read_to_string(path.with_extension("txt")).unwrap();
        for secret in ["hunter2", "horse", "battery", "q83vEjRW", "cw_0x689", "AGE-SECRET-KEY"] {
            assert!(!golden.contains(secret), "{} shows {secret}", path.display());
        }
    }
}
