//! What else an update of a table does, as the catalogue tells: triggers, rules, generated columns, publications.

use reseal_store::{Called, ColumnFacts, TableFacts};

use crate::finding::Finding;
use crate::job::{FieldJob, Job, TableJob};

pub(super) fn side_effects(job: &Job, table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let mut findings = triggers(job, table, facts);
    for rule in &facts.update_rules {
        findings.push(Finding::refusal(
            "rule",
            format!("rule `{rule}` on `{}` replaces updates", table.name),
            "drop the rule before the run, or replace it with a trigger",
        ));
    }
    if let Some(publication) = &facts.unidentified_in {
        findings.push(Finding::refusal(
            "no-replica-identity",
            format!(
                "publication `{publication}` publishes updates of `{}`, which has no replica identity, so \
                 the server rejects every update",
                table.name
            ),
            format!("ALTER TABLE {} REPLICA IDENTITY …, or remove it from the publication", table.name),
        ));
    }
    findings.extend(foreign_functions(table, facts));
    let generated = |column: &&ColumnFacts| column.generated && !job.expects(table, &column.name);
    for column in facts.columns.iter().filter(generated) {
        let full = format!("{}.{}", table.name, column.name);
        findings.push(Finding::refusal(
            "generated-column",
            format!("`{full}` is computed by the database and may change when a cell is written"),
            format!("if the change is expected, add it to the plan: side_effects: [{full}]"),
        ));
    }
    findings
}

/// What runs with the user's privileges is the table's own, or the database's. Whoever else owns a function of the table
/// could change it at any time.
fn foreign_functions(table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let of_others = facts.calls.iter().filter(|called| !called.owns_table);
    let finding = |called: &Called| {
        let Called { by, function, owner, .. } = called;
        Finding::refusal(
            "foreign-function",
            format!(
                "{}: {by} calls function {function} of role {owner}, with privileges that neither {owner} \
                 nor the table's owner has",
                table.name
            ),
            "connect as a role with the privileges of the table's owner, or make that owner the owner of the \
             function",
        )
    };
    of_others.map(finding).collect()
}

fn triggers(job: &Job, table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for trigger in facts.update_triggers.iter().filter(|name| !job.expects(table, name)) {
        findings.push(Finding::refusal(
            "trigger",
            format!("trigger `{trigger}` on `{}` fires whenever a cell is written", table.name),
            format!("if this is expected, add it to the plan: side_effects: [{trigger}]"),
        ));
    }
    for write in &facts.trigger_writes {
        let planned = job.tables.iter().filter(|other| other.name.name.eq_ignore_ascii_case(&write.table));
        let columns = planned.flat_map(|other| {
            let columns = other.fields.iter().flat_map(FieldJob::written).chain(&other.key_column);
            columns
                .filter(|column| write.column.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(column)))
        });
        if let Some(column) = columns.into_iter().next() {
            findings.push(Finding::refusal(
                "trigger-writes-cells",
                format!(
                    "trigger `{}` on `{}` writes `{}.{column}`, which the plan rotates",
                    write.trigger, table.name, write.table
                ),
                "drop or disable it during the run, because it would overwrite rotated cells",
            ));
        }
    }
    findings
}
