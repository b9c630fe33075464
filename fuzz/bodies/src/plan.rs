//! The parser of plans: what it takes it takes again, and what it refuses it explains.

use std::sync::LazyLock;

use reseal_plan::{Language, Plan, PlanFile, Problems, Vocabulary, print};

/// The plugins that plans can name: those of the registry, which a test holds this against.
pub const VOCABULARY: Vocabulary<'static> = Vocabulary {
    formats: &[
        format_custom::PLUGIN,
        format_aes_gcm::PLUGIN,
        format_fernet::PLUGIN,
        format_pgcrypto::PLUGIN,
        format_plaintext::PLUGIN,
    ],
    key_sources: &[keys_age::PLUGIN, keys_command::PLUGIN, keys_env::PLUGIN, keys_file::PLUGIN],
    keks: &[keys_aws_kms::PLUGIN, keys_local::PLUGIN, keys_pkcs11::PLUGIN],
    notifiers: &[notify_log::PLUGIN, notify_smtp::PLUGIN, notify_webhook::PLUGIN],
    presets: &[],
};

/// What plans are made of.
pub const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "'",
    "\n",
    "  ",
    "- ",
    "&a ",
    "*a",
    "<<: ",
    "#",
    "|\n",
    ">-\n",
    "!!str ",
    "null",
    "0",
    "-1",
    "9999999999",
    "none",
    "auto",
    "phi",
    "keyset",
    "primary",
    "{primary}",
    "{key}",
    "{row.x|be64}",
    "é",
    "\t",
    "\u{feff}",
    "---\n",
    "~",
    "1e9",
    ".inf",
    "0x1f",
    "\u{85}",
    "\\u0000",
    "? ",
    "true",
    "vars",
    "hooks",
    "sql",
    "schedule",
    "cron",
];

const SEEDS: [&str; 17] = [
    include_str!("../../../rotation-plans/besahubs.yaml"),
    include_str!("../../../rotation-plans/clinic.yaml"),
    include_str!("../../../rotation-plans/connections.yaml"),
    include_str!("../../../rotation-plans/csuite-pivot.yaml"),
    include_str!("../../../rotation-plans/fernet.yaml"),
    include_str!("../../../rotation-plans/intelliwiz.yaml"),
    include_str!("../../../rotation-plans/pazpaz.yaml"),
    include_str!("../../../rotation-plans/pgcrypto.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/besahubs.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/connections.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/csuite-pivot.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/envelopes.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/everything.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/first.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/intelliwiz.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/pazpaz.yaml"),
    include_str!("../../../crates/reseal-plan/tests/right/shared-parts.yaml"),
];

/// Problems that are told of, and one that says that there are more.
const MOST_PROBLEMS: usize = 101;
/// A passphrase that does not look like one.
const SECRET: &str = "correct-zq-horse";
/// A text that is longer printed than plans may be cannot be read back.
const MOST_PRINTED: usize = 1024 * 1024;

/// Checks one input: a text that may be a plan.
pub fn body(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match parse(&text) {
        Ok(plan) => {
            checks_clean_again(&text, &plan);
            reads_back_as_it_was_printed(&text, &plan);
            is_the_same_behind_a_comment(&text, &plan);
            is_refused_with_a_secret(&text);
        }
        Err(problems) => are_explained(&text, &problems),
    }
}

fn parse(text: &str) -> Result<Plan, Problems> {
    // Made once: it takes much longer than to read a plan.
    static LANGUAGE: LazyLock<Language> = LazyLock::new(|| Language::of(&VOCABULARY));
    LANGUAGE.parse(PlanFile::named("plan.yaml"), text)
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    // What the tests of reseal-plan name and no real plugin has.
    let real = |seed: &str| {
        seed.replace(", key_bits: 256", "")
            .replace("cbc: {}", "aes-gcm: { layout: \"{nonce|12}{ciphertext|raw}\" }")
    };
    SEEDS.iter().map(|seed| real(seed).into_bytes()).collect()
}

fn checks_clean_again(text: &str, plan: &Plan) {
    let again = parse(text);
    let again =
        again.unwrap_or_else(|problems| panic!("a plan that checks clean does not again:\n{problems}"));
    assert!(format!("{again:?}") == format!("{plan:?}"), "one text, two plans");
}

/// Parsed, printed and parsed again it says the same, and prints the same.
fn reads_back_as_it_was_printed(text: &str, plan: &Plan) {
    let printed = print(text).expect("it was parsed");
    if printed.len() > MOST_PRINTED {
        return;
    }
    let again = parse(&printed);
    let again = again.unwrap_or_else(|problems| panic!("{printed}\nis refused:\n{problems}"));
    says_the_same(&again, plan);
    assert_eq!(print(&printed), Some(printed), "printed twice, it is another text");
}

fn is_the_same_behind_a_comment(text: &str, plan: &Plan) {
    // A byte order mark stands in front of everything, or is none.
    if text.starts_with('\u{feff}') {
        return;
    }
    let again = parse(&format!("# a comment\n{text}"));
    let again = again.unwrap_or_else(|problems| panic!("behind a comment it is refused:\n{problems}"));
    says_the_same(&again, plan);
}

/// A secret in the place of a source is refused, and no answer shows it.
fn is_refused_with_a_secret(text: &str) {
    let sources: Vec<usize> = text.match_indices("env: ").map(|(at, _)| at).collect();
    let Some(at) = sources.get(text.len() % sources.len().max(1)) else { return };
    let (before, source) = text.split_at(*at);
    let after = source[5..].trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let Err(problems) = parse(&format!("{before}value: {SECRET}{after}")) else {
        return;
    };
    assert!(!problems.to_string().contains(SECRET), "an answer shows a secret:\n{problems}");
    assert!(!format!("{problems:?}").contains(SECRET), "a problem holds a secret: {problems:?}");
}

fn says_the_same(again: &Plan, plan: &Plan) {
    assert_eq!(again.full_digest, plan.full_digest, "it says something else");
    assert_eq!(again.digest, plan.digest, "a run would not be resumed under it");
    assert_eq!(again.name, plan.name);
    assert_eq!(again.unsupported().len(), plan.unsupported().len());
    assert_eq!(again.missing().len(), plan.missing().len());
}

/// Each problem has a code, stands in the file, and shows nothing that would confuse a terminal.
fn are_explained(text: &str, problems: &Problems) {
    assert!(!problems.0.is_empty() && problems.0.len() <= MOST_PROBLEMS, "{} problems", problems.0.len());
    let shown = problems.to_string();
    assert!(
        !shown.lines().any(|line| line.chars().any(char::is_control)),
        "{shown:?} has control characters"
    );
    for problem in &problems.0 {
        assert!(problem.code != "form", "the form check let pass what no plan is: {shown}");
        assert!(problem.line <= text.lines().count().max(1) + 1, "{} is no line", problem.line);
    }
}
