//! What is far beyond a plan is refused quickly, and no answer shows a key. What must hold for any text is in `fuzz/bodies`.

#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use common::VOCABULARY;
use proptest::prelude::*;
use reseal_plan::{PlanFile, Problems, parse};

fn refused_quickly(text: &str) -> Problems {
    let attempt = || {
        let begun = Instant::now();
        (parse(PlanFile::named("plan.yaml"), text, &VOCABULARY).unwrap_err(), begun.elapsed())
    };
    // The best of several, for a machine that has other things to do.
    let (problems, mut took) = attempt();
    for _ in 0..4 {
        took = took.min(if took > MOST { attempt().1 } else { took });
    }
    assert!(took <= MOST, "took {took:?}");
    assert!(problems.to_string().len() < 100_000);
    problems
}

/// For a debug build; a release build takes a tenth of it.
const MOST: Duration = Duration::from_millis(700);

#[test]
fn a_hundred_megabytes_are_refused_unread() {
    let text = "a: b\n".repeat(20 * 1024 * 1024);
    assert_eq!(refused_quickly(&text).0[0].code, "too-large");
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let below = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} [{}]", vec![below; 9].join(", ")).unwrap();
    }
    assert_eq!(refused_quickly(&text).0[0].code, "too-complex");
}

#[test]
fn a_merge_bomb_does_not_go_off() {
    let mut text = String::from("a0: &a0 { x: 1 }\n");
    for level in 1..60 {
        let below = format!("*a{}", level - 1);
        writeln!(text, "a{level}: &a{level} {{ <<: [{}] }}", vec![below; 9].join(", ")).unwrap();
    }
    refused_quickly(&text);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("[", "]"), ("{ a: ", "}")] {
        refused_quickly(&format!("a: {}{}", open.repeat(100_000), close.repeat(100_000)));
    }
    let block: String = (0..400).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    assert_eq!(refused_quickly(&block).0[0].code, "too-complex");
    refused_quickly(&"- ".repeat(100_000));
}

#[test]
fn a_file_full_of_mistakes_is_answered_with_the_first_hundred() {
    let text: String = (0..2_000).fold(String::new(), |mut text, n| {
        writeln!(text, "unknown{n}: {n}").unwrap();
        text
    });
    let problems = refused_quickly(&text);
    assert_eq!(problems.0.len(), 101);
    assert_eq!(problems.0[100].code, "more");
    refused_quickly(&"a: 1\n".repeat(2_000));
    refused_quickly(&format!("tables: {{ {} }}", "t: x, ".repeat(2_000)));
}

#[test]
fn odd_texts_are_refused_without_a_panic() {
    for text in [
        "",
        "\u{feff}",
        "\u{feff}reseal: 1",
        "\r\n\r\n",
        "\0",
        "é",
        "? é\n: é",
        "<<: 1",
        "<<: [a]",
        "- - -",
        "%YAML 9.9\n---",
    ] {
        refused_quickly(text);
    }
    // Names that no path can be mistaken for.
    refused_quickly(
        "keysets: { 0: { primary: x, keys: { 0: {} } } }\ntables: { '': { fields: { '': '' } } }",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any passphrase put in the place of a key's source, however the plan is bent otherwise.
    #[test]
    fn no_answer_shows_a_key(secret in "[a-zA-Z0-9+/=!$%^&*-]{8,40}", form in 0..6_u8) {
        prop_assume!(!"v1 keysets primary encoding value env { }".contains(&secret));
        let quoted = format!("'zq{secret}zq'");
        let key = match form {
            0 => format!("v1: {quoted}"),
            1 => format!("v1: {{ value: {quoted} }}"),
            2 => format!("v1: {{ env: KEY, secret: {{ deep: [{quoted}] }} }}"),
            3 => format!("v1: [{quoted}]"),
            4 => format!("v1: {{ evn: {quoted}, encodng: hex }}"),
            _ => format!("v1: {{ env: \"{quoted}!\", encoding: hex }}"),
        };
        let text = format!("reseal: 1\nname: x\ndatabase: {{ env: D }}\napplication: paused\nkeysets:\n  phi:\n    primary: v1\n    keys:\n      {key}\nseals: {{ phi: {{ keyset: phi, format: {{ fernet: {{}} }} }} }}\ntables: {{ t: {{ row_key: id, fields: {{ f: phi }} }} }}\n");
        let problems = parse(PlanFile::named("plan.yaml"), &text, &VOCABULARY).unwrap_err();
        prop_assert!(!problems.to_string().contains(&format!("zq{secret}zq")), "{}", problems);
        prop_assert!(!format!("{problems:?}").contains(&format!("zq{secret}zq")), "{:?}", problems);
    }
}
