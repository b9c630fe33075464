//! Presets and the digest of the plans that name them.

#![allow(clippy::unwrap_used, reason = "tests")]

use reseal_plan::{Plan, PlanFile, Preset, Vocabulary};

const PLAN: &str = include_str!("../../../rotation-plans/formats/laravel-cbc.yaml");
const LARAVEL: &str = include_str!("../presets/laravel.yaml");

fn plan(text: &str, presets: &[Preset]) -> Plan {
    let vocabulary = Vocabulary { presets, ..reseal_registry::vocabulary() };
    let file = PlanFile { name: "plan.yaml", folder: "/" };
    reseal_plan::parse(file, text, &vocabulary).unwrap()
}

/// Watches that a paused run is not gone on with by a program in which the preset stands for something else.
#[test]
fn a_preset_that_changes_changes_the_digest_of_its_plans() {
    let presets = reseal_registry::presets();
    let read = |text: &str| Preset::read("laravel.yaml", text, &reseal_registry::vocabulary()).unwrap();
    let before = plan(PLAN, presets);
    assert_eq!(before.digest, plan(PLAN, &[read(LARAVEL)]).digest);
    let changed = LARAVEL.replacen("cipher: aes-256-cbc\n", "cipher: aes-128-cbc\n", 1);
    let after = plan(PLAN, &[read(&changed)]);
    assert_ne!((before.digest, before.full_digest), (after.digest, after.full_digest));
}

/// Watches that a plan without presets keeps the digest by which paused runs of earlier versions know it.
#[test]
fn a_plan_without_presets_does_not_depend_on_them() {
    let plain = PLAN.replace("format: laravel", "format: { fernet: {} }");
    assert_eq!(plan(&plain, reseal_registry::presets()).digest, plan(&plain, &[]).digest);
}
