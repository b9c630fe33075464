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
        "Keys appear in the trail by id and salted fingerprint only. Refusals and unauthorised attempts are under Exceptions.",
    ),
    clause(
        "3.7.1",
        "keys are generated as strong keys",
        "Table of keys: algorithm and length of each key that sealed in a run, and whether Reseal generated it. Of others the \
         trail knows only when they came into use.",
    ),
    clause(
        "3.7.4",
        "keys are changed when they reach the end of their cryptoperiod",
        "Table and chart of keys: the age of each key when it was replaced, or today, against the limit that the plan set.",
    ),
    clause(
        "3.7.5",
        "keys are retired, replaced or destroyed when they are no longer needed, weakened or known to others",
        "Rotations, changes of key states, and the section on emergencies. Zero cells left is proved by a sweep of the run.",
    ),
    clause(
        "3.7.7",
        "keys cannot be substituted without authorisation",
        "A key whose bytes change under its id is refused; such a refusal is an event, code key-changed or key-renamed.",
    ),
];

const HIPAA: &[Clause] = &[
    clause(
        "164.312(a)(2)(iv)",
        "a mechanism to encrypt and decrypt electronic protected health information (addressable)",
        "Fields: algorithm and key length of each. Rotations: which key they are sealed under, since when, and that each \
         cell opened under it.",
    ),
    clause(
        "164.312(b)",
        "mechanisms that record and examine activity in systems that hold such information",
        "The trail records what Reseal did and was refused. Its chain and signatures were verified for this report.",
    ),
    clause(
        "164.316(b)(1), (b)(2)(i)",
        "actions are documented, and the documentation is kept for six years",
        "This report and the export of the trail are such documents. Reseal deletes nothing from the trail.",
    ),
];

const SOC2: &[Clause] = &[
    clause(
        "CC6.1",
        "logical access measures protect information assets, encryption and its keys among them",
        "Table of keys with ages against the plan's limit, the approvals of each rotation, and the people who agreed or \
         handled keys.",
    ),
    clause(
        "CC7.2",
        "system components are monitored for anomalies, which are analysed",
        "Exceptions: refusals, failures, unauthorised attempts, missed schedules and alerts, each with its event.",
    ),
    clause(
        "CC8.1",
        "changes are authorised, tested, approved and carried out as such",
        "Rotations with operator, approvals and plan digest; a run to which nobody agreed is an exception. Each change of a \
         plan between its runs is an event.",
    ),
];

const GDPR: &[Clause] = &[
    clause(
        "Art. 5(2)",
        "the controller can demonstrate compliance (accountability)",
        "The trail, its verification for this report, and its head, against which it can be held again.",
    ),
    clause(
        "Art. 32(1)(a), (d)",
        "encryption as a measure of security, and a process to test such measures regularly",
        "Rotations, sweeps that opened every cell, and restore tests, each with its event.",
    ),
    clause(
        "Art. 33(5)",
        "breaches are documented: facts, effects, remedial action",
        "Emergencies: when each was declared, and when every cell was off the key that had become known. Art. 33(1) counts \
         its 72 hours from awareness, which the trail does not know.",
    ),
];
