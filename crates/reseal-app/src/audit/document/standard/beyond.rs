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
    beyond("3.6.1.1", "the documented cryptographic architecture that a service provider must have"),
    beyond("3.6.1.2", "the form in which secret keys are stored"),
    beyond(
        "3.6.1.3",
        "who else can read cleartext keys; the report names only people who handled them through Reseal",
    ),
    beyond("3.6.1.4", "in how many places keys are stored"),
    beyond("3.7.2", "how keys are distributed to the application"),
    beyond("3.7.3", "how keys are stored by their sources, such as a secrets manager"),
    beyond("3.7.4", "whether the cryptoperiod in the plan is appropriate for the key"),
    beyond("3.7.6", "split knowledge and dual control where people handle cleartext keys manually"),
    beyond("3.7.8", "that key custodians have acknowledged their responsibilities"),
    beyond("3.7.9", "guidance on keys that a service provider gives to its customers"),
];

pub(super) const HIPAA: &[Beyond] = &[
    beyond("164.308(a)(1)(ii)(A)", "the risk analysis behind the intervals in the plan"),
    beyond("164.308(a)(1)(ii)(D)", "that these records are reviewed regularly"),
    beyond("164.308(a)(4)", "who is authorised to access health information"),
    beyond("164.312(a)(1)", "who can read records or keys outside of Reseal"),
    beyond("164.312(b)", "activity in the application itself"),
    beyond("164.312(e)(1)", "how health information is protected when the application transmits it"),
];

pub(super) const SOC2: &[Beyond] = &[
    beyond("CC4.1", "that this evidence is reviewed, and with what result"),
    beyond("CC6.1", "access to keys and to the database outside of Reseal"),
    beyond("CC6.2, CC6.3", "how access is granted, changed and revoked"),
    beyond("CC7.3, CC7.4", "how exceptions were evaluated and responded to"),
];

pub(super) const GDPR: &[Beyond] = &[
    beyond("Art. 32(1)(b)", "availability and resilience of the application and its database"),
    beyond("Art. 32(2)", "the assessment of risks behind these measures"),
    beyond("Art. 33(1)", "when a breach became known, and who was notified of what"),
    beyond("Art. 34(1)", "which persons are affected, and whether a breach is likely to harm them"),
    beyond("Art. 35", "the impact assessment, where one is needed"),
];
