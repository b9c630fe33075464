//! What each standard asks that the trail cannot speak to, clause by clause.

use serde::Serialize;

/// A clause, and what of it this report does not show.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Beyond {
    clause: &'static str,
    what: &'static str,
}

const fn beyond(clause: &'static str, what: &'static str) -> Beyond {
    Beyond { clause, what }
}

pub(super) const PCI_DSS: &[Beyond] = &[
    beyond(
        "3.6.1.1",
        "the documented architecture of the cryptography, where a service provider has to have one",
    ),
    beyond("3.6.1.2", "in which form secret keys are stored where they are kept"),
    beyond(
        "3.6.1.3",
        "who else can read cleartext keys; only those who handled them through Reseal are named",
    ),
    beyond("3.6.1.4", "in how many places keys are stored"),
    beyond("3.7.2", "how keys are distributed to the application"),
    beyond("3.7.3", "how keys are stored by their sources, such as a secrets manager"),
    beyond("3.7.4", "whether the cryptoperiod of the plan is the right one for the key"),
    beyond("3.7.6", "split knowledge and dual control where people handle cleartext keys by hand"),
    beyond("3.7.8", "that key custodians have acknowledged their responsibilities"),
    beyond("3.7.9", "guidance that a service provider gives its customers on their keys"),
];

pub(super) const HIPAA: &[Beyond] = &[
    beyond("164.308(a)(1)(ii)(A)", "the risk analysis behind the intervals that the plan chose"),
    beyond("164.308(a)(1)(ii)(D)", "that people review these records regularly"),
    beyond("164.308(a)(4)", "who is authorised to have access to health information"),
    beyond("164.312(a)(1)", "who can read records or keys outside of Reseal"),
    beyond("164.312(b)", "activity in the application itself"),
    beyond("164.312(e)(1)", "how health information is protected when the application transmits it"),
];

pub(super) const SOC2: &[Beyond] = &[
    beyond("CC4.1", "that people review this evidence, and what they make of it"),
    beyond("CC6.1", "access to keys and to the database outside of Reseal"),
    beyond("CC6.2, CC6.3", "how the access of people is granted, changed and taken away"),
    beyond("CC7.3, CC7.4", "how exceptions were evaluated and responded to"),
];

pub(super) const GDPR: &[Beyond] = &[
    beyond("Art. 32(1)(b)", "availability and resilience of the application and its database"),
    beyond("Art. 32(2)", "the assessment of risks behind these measures"),
    beyond("Art. 33(1)", "when a breach became known, what was notified, and to whom"),
    beyond("Art. 34(1)", "which persons are concerned, and whether a breach is likely to harm them"),
    beyond("Art. 35", "the impact assessment, where one is needed"),
];
