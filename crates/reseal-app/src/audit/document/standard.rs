//! What each standard asks that the trail can speak to, cited and in our own words. A clause is named only where an event
//! of the trail bears on it, and nothing is claimed beyond that.

mod beyond;

use beyond::Beyond;
use reseal_plan::Standard;
use serde::Serialize;
use serde_json::{Value, json};

/// A clause, and what in this report bears on it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Clause {
    clause: &'static str,
    about: &'static str,
    shown: &'static str,
}

/// What a report says of its standard.
pub(super) fn document(standard: Standard) -> Value {
    json!({
        "name": standard.name(),
        "title": title(standard),
        "not_shown": not_shown(standard),
        "clauses": clauses(standard),
    })
}

pub(super) fn title(standard: Standard) -> &'static str {
    match standard {
        Standard::PciDss => "PCI DSS v4.0.1",
        Standard::Hipaa => "HIPAA Security Rule (45 CFR Part 164, Subpart C)",
        Standard::Soc2 => "SOC 2 (Trust Services Criteria)",
        Standard::Gdpr => "GDPR (Regulation (EU) 2016/679)",
    }
}

/// What the trail cannot show, clause by clause, so that nobody reads it into the report.
fn not_shown(standard: Standard) -> &'static [Beyond] {
    match standard {
        Standard::PciDss => beyond::PCI_DSS,
        Standard::Hipaa => beyond::HIPAA,
        Standard::Soc2 => beyond::SOC2,
        Standard::Gdpr => beyond::GDPR,
    }
}

fn clauses(standard: Standard) -> &'static [Clause] {
    match standard {
        Standard::PciDss => PCI_DSS,
        Standard::Hipaa => HIPAA,
        Standard::Soc2 => SOC2,
        Standard::Gdpr => GDPR,
    }
}

const fn clause(clause: &'static str, about: &'static str, shown: &'static str) -> Clause {
    Clause { clause, about, shown }
}

const PCI_DSS: &[Clause] = &[
    clause(
        "3.6.1",
        "keys that protect stored account data are themselves protected against disclosure and misuse",
        "The trail contains keys only as IDs and salted fingerprints. Refusals and unauthorised attempts are listed \
         under Exceptions.",
    ),
    clause(
        "3.7.1",
        "keys are generated as strong keys",
        "Table of keys: algorithm and length of each key that a run sealed with, and whether Reseal generated it. For \
         other keys the trail records only when they came into use.",
    ),
    clause(
        "3.7.4",
        "keys are changed when they reach the end of their cryptoperiod",
        "Table and chart of keys: the age of each key when it was replaced (or today), compared with the limit in the \
         plan.",
    ),
    clause(
        "3.7.5",
        "keys are retired, replaced or destroyed when they are no longer needed, weakened or compromised",
        "Rotations, key state changes and the section on emergencies. A sweep at the end of each run proves that no \
         cells are left.",
    ),
    clause(
        "3.7.7",
        "keys cannot be substituted without authorisation",
        "Reseal refuses a key whose bytes change under the same ID. The refusal is recorded as an event with code \
         key-changed or key-renamed.",
    ),
];

const HIPAA: &[Clause] = &[
    clause(
        "164.312(a)(2)(iv)",
        "a mechanism to encrypt and decrypt electronic protected health information (addressable)",
        "Fields: algorithm and key length of each field. Rotations: the key that seals them, since when, and the proof \
         that each cell opens under it.",
    ),
    clause(
        "164.312(b)",
        "mechanisms that record and examine activity in systems that hold such information",
        "The trail records every action and every refusal. Its chain and signatures were verified for this report.",
    ),
    clause(
        "164.316(b)(1), (b)(2)(i)",
        "actions are documented, and the documentation is kept for six years",
        "This report and the exported trail are such documents. Reseal deletes nothing from the trail.",
    ),
];

const SOC2: &[Clause] = &[
    clause(
        "CC6.1",
        "logical access controls protect information assets, including encryption and its keys",
        "Table of keys with their ages and the plan's limit, the approvals of each rotation, and the people who \
         approved runs or handled keys.",
    ),
    clause(
        "CC7.2",
        "system components are monitored for anomalies, which are analysed",
        "Exceptions: refusals, failures, unauthorised attempts, missed schedules and alerts, each with its event.",
    ),
    clause(
        "CC8.1",
        "changes are authorised, tested, approved and implemented",
        "Rotations with operator, approvals and plan digest; a run without approval is an exception. Each plan change \
         between runs is an event.",
    ),
];

const GDPR: &[Clause] = &[
    clause(
        "Art. 5(2)",
        "the controller can demonstrate compliance (accountability)",
        "The trail, its verification for this report, and its head, which allows anyone to verify it again.",
    ),
    clause(
        "Art. 32(1)(a), (d)",
        "encryption as a measure of security, and a process to test such measures regularly",
        "Rotations, sweeps that opened every cell, and restore tests, each with its event.",
    ),
    clause(
        "Art. 33(5)",
        "breaches are documented: facts, effects, remedial action",
        "Emergencies: when each was declared, and when no cell was left under the compromised key. The 72 hours of \
         Art. 33(1) start with awareness, which the trail does not record.",
    ),
];
