//! Every body, with its seeds and with mutations of them, for as long as `RESEAL_FUZZ_SECONDS` says.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use fuzz_bodies::{ALL, Body, plan};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

/// How many seconds each body takes; where it is not set, as many as whoever works on the code waits for.
const SECONDS: &str = "RESEAL_FUZZ_SECONDS";
const SHORT: u64 = 2;
/// No input needs more memory: what inflates stops at 64 MiB.
const MEMORY: u64 = 2 << 30;
const CASES: u32 = 16;

fn seconds() -> u64 {
    std::env::var(SECONDS).map_or(SHORT, |seconds| seconds.parse().expect("RESEAL_FUZZ_SECONDS is a number"))
}

fn holds(name: &str) {
    rlimit::Resource::AS.set(MEMORY, MEMORY).unwrap();
    let body = ALL.iter().find(|body| body.name == name).unwrap();
    let seeds = (body.seeds)();
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|seed| (body.body)(seed));

    let until = Instant::now() + Duration::from_secs(seconds());
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let inputs = inputs(body, seeds);
    let mut cases = 0;
    while cases == 0 || Instant::now() < until {
        // A runner counts its cases once, and with the next one come other inputs.
        let result = TestRunner::new(config.clone()).run(&inputs, |input| {
            (body.body)(&input);
            Ok(())
        });
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
        cases += CASES;
    }
    eprintln!("{name}: {cases} inputs");
}

/// Any bytes, and seeds with stretches taken out, doubled, written over by words, or bits flipped.
fn inputs(body: &Body, seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> + use<> {
    let words: Vec<Vec<u8>> = body.words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let edit = (any::<Index>(), 0..40_usize, prop::sample::select(words), 0..6_u8, any::<u8>());
    let mutated =
        (prop::sample::select(seeds), prop::collection::vec(edit, 0..6)).prop_map(|(mut input, edits)| {
            for (place, length, word, what, byte) in edits {
                edited(&mut input, place, length, &word, what, byte);
            }
            input
        });
    prop_oneof![4 => mutated, 1 => prop::collection::vec(any::<u8>(), 0..300)]
}

fn edited(input: &mut Vec<u8>, place: Index, length: usize, word: &[u8], what: u8, byte: u8) {
    let start = place.index(input.len() + 1);
    let end = input.len().min(start + length);
    match what {
        0 => drop(input.drain(start..end)),
        1 => drop(input.splice(start..start, input[start..end].to_vec())),
        2 => drop(input.splice(start..end, word.iter().copied())),
        3 => drop(input.splice(start..start, word.iter().copied())),
        4 => drop(input.splice(start..start, [byte])),
        _ => input.iter_mut().skip(start).take(1).for_each(|old| *old ^= byte),
    }
}

#[test]
fn aes_gcm_holds() {
    holds("aes_gcm");
}

#[test]
fn audit_holds() {
    holds("audit");
}

#[test]
fn custom_holds() {
    holds("custom");
}

#[test]
fn fernet_holds() {
    holds("fernet");
}

#[test]
fn layout_holds() {
    holds("layout");
}

#[test]
fn pgcrypto_holds() {
    holds("pgcrypto");
}

#[test]
fn plaintext_holds() {
    holds("plaintext");
}

#[test]
fn plan_holds() {
    holds("plan");
}

/// A plugin that is registered and not listed here would not be fuzzed in plans.
#[test]
fn the_vocabulary_is_that_of_the_registry() {
    let names = |vocabulary: &reseal_plan::Vocabulary| {
        let formats = vocabulary.formats.iter().map(|plugin| plugin.name);
        let sources = vocabulary.key_sources.iter().map(|plugin| plugin.name);
        let keks = vocabulary.keks.iter().map(|plugin| plugin.name);
        let notifiers = vocabulary.notifiers.iter().map(|plugin| plugin.name);
        formats.chain(sources).chain(keks).chain(notifiers).collect::<Vec<_>>()
    };
    assert_eq!(names(&plan::VOCABULARY), names(&reseal_registry::vocabulary()));
}
