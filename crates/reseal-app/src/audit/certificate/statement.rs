//! The statement that is signed, by the in-toto Attestation Framework:
//! [statement v1](https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md), in an
//! [envelope](https://github.com/in-toto/attestation/blob/main/spec/v1/envelope.md) of its media type, with digests as
//! [digest sets](https://github.com/in-toto/attestation/blob/main/spec/v1/digest_set.md). docs/certificate.md has the rest.

use jiff::Timestamp;
use reseal_core::audit::Verdict;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::facts::{Facts, Named};

/// The media type of an in-toto statement in a DSSE envelope.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Version 1 of the statement layer.
const STATEMENT: &str = "https://in-toto.io/Statement/v1";
/// What is stated. The number at its end changes where a verifier of this one would misread the other.
const PREDICATE: &str = "urn:reseal:rotation-certificate:1";

/// What is stated of a run, at the end of a sound trail.
pub(super) fn statement(facts: &Facts<'_>, verdict: &Verdict, now_ms: i64) -> Value {
    let tables: Vec<Table> = facts.named("table.").map(|table| Table::new(facts, table)).collect();
    json!({
        "_type": STATEMENT,
        "subject": subjects(facts, &tables),
        "predicateType": PREDICATE,
        "predicate": predicate(facts, &tables, verdict, now_ms),
    })
}

/// A table of the run.
struct Table<'t> {
    label: &'t str,
    /// What tells it from all other tables: its database's identity and its own, as one JSON text.
    identity: String,
}

impl<'t> Table<'t> {
    fn new(facts: &Facts<'t>, table: Named<'t>) -> Table<'t> {
        let own: Value = serde_json::from_str(table.text).unwrap_or_else(|_| table.text.into());
        let identity = json!({ "database": facts.database, "table": own }).to_string();
        Table { label: table.name, identity }
    }
}

/// The run, by the digest of the plan that it carried out, and its tables, by the digests of their identities.
fn subjects(facts: &Facts<'_>, tables: &[Table<'_>]) -> Vec<Value> {
    let subject = |name: String, sha256: String| json!({ "name": name, "digest": { "sha256": sha256 } });
    let run = subject(format!("run/{}", facts.run), facts.finished.plan_digest.clone());
    let of_table = |table: &Table<'_>| {
        subject(format!("table/{}", table.label), hex::encode(Sha256::digest(&table.identity)))
    };
    std::iter::once(run).chain(tables.iter().map(of_table)).collect()
}

fn predicate(facts: &Facts<'_>, tables: &[Table<'_>], verdict: &Verdict, now_ms: i64) -> Value {
    let (begun, finished) = (facts.begun, facts.finished);
    let tables = tables.iter().map(|table| json!({ "table": table.label, "identity": table.identity }));
    json!({
        "reseal": env!("CARGO_PKG_VERSION"),
        "issued": instant(now_ms),
        "run": {
            "id": facts.run,
            "state": finished.text("state"),
            "operator": begun.operator,
            "host": begun.host,
            "began": instant(facts.began_ms),
            "ended": instant(finished.time_ms),
            "emergency": begun.integer("emergency") == Some(1),
        },
        "plan": { "name": finished.plan, "digest": finished.plan_digest, "scope": scope(facts) },
        "database": facts.database,
        "tables": tables.collect::<Vec<_>>(),
        "fields": fields(facts),
        "keysets": keysets(facts),
        "counts": counts(facts),
        "sweep": sweep(facts),
        "approvals": approvals(facts),
        "trail": {
            "sequence": verdict.intact.sequence,
            "head": verdict.intact.head.to_string(),
            "signed_through": verdict.signed_through,
            "signed_by": verdict.signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}

fn scope(facts: &Facts<'_>) -> Value {
    let text = facts.finished.text("scope").unwrap_or_default();
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

fn fields(facts: &Facts<'_>) -> Vec<Value> {
    let field = |field: Named<'_>| {
        let mut document = json!({ "field": field.name });
        let said: Value = serde_json::from_str(field.text).unwrap_or_default();
        for name in ["seal", "keyset", "algorithm", "key_bits", "from"] {
            document[name] = said[name].clone();
        }
        document
    };
    facts.named("field.").map(field).collect()
}

/// Each keyset with the key that seals since the run, and those that it moved cells away from.
fn keysets(facts: &Facts<'_>) -> Vec<Value> {
    let key = |keyset: &str, id: &str| json!({ "key": id, "fingerprint": facts.fingerprint(keyset, id) });
    let keyset = |primary: Named<'_>| {
        let name = primary.name;
        let old = facts.named("old.").filter(|old| old.name == name).map(|old| key(name, old.text));
        json!({ "keyset": name, "new": key(name, primary.text), "old": old.collect::<Vec<_>>() })
    };
    facts.named("primary.").map(keyset).collect()
}

fn counts(facts: &Facts<'_>) -> Value {
    let mut counts = json!({});
    for name in ["rows_scanned", "cells_rotated", "cells_current", "cells_null", "cells_raced"] {
        counts[name] = facts.finished.integer(name).into();
    }
    counts
}

/// The sweep that the run ended with: every cell of the scope, opened in one snapshot of the database.
fn sweep(facts: &Facts<'_>) -> Value {
    let count = |name: &str| facts.finished.integer(name);
    let (old, broken) = (count("cells_old"), count("cells_quarantined"));
    json!({
        "clean": (old, broken) == (Some(0), Some(0)),
        "snapshot": instant(facts.swept_ms),
        "cells": count("cells_swept"),
        "cells_old": old,
        "cells_quarantined": broken,
    })
}

fn approvals(facts: &Facts<'_>) -> Value {
    let given = facts.approvals.iter().map(
        |given| json!({ "approver": given.approver, "public_key": given.key, "at": given.at.map(instant) }),
    );
    json!({ "request": facts.request, "given": given.collect::<Vec<_>>() })
}

/// RFC 3339, to the millisecond.
fn instant(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}
