//! What the catalogue says of a table, checked against what a rotation needs.

use reseal_core::Part;
use reseal_store::{Kind, Relation, TableFacts};

use super::side_effects::side_effects;
use crate::finding::Finding;
use crate::job::{Application, FieldJob, Job, TableJob};
use crate::reason::Reason;

pub(super) fn check(job: &Job, table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let mut findings = relation(table, facts);
    findings.extend(row_key(table, facts));
    for field in &table.fields {
        for (part, name) in field.columns.iter().chain(&field.mirrors) {
            findings.extend(cell_column(table, facts, field, *part, name));
        }
        if let Some(name) = &field.last_error {
            findings.extend(last_error(table, facts, name));
        }
    }
    if let Some(name) = &table.key_column {
        for field in &table.fields {
            findings.extend(key_tags(table, facts, field, name));
        }
        findings.extend(writable_column(table, facts, name));
    }
    findings.extend(shared_key_columns(table));
    for name in table.tenant.iter().filter(|name| facts.column(name).is_none()) {
        findings.push(no_column(table, facts, name));
    }
    findings.extend(indexes(job, table, facts));
    findings.extend(side_effects(job, table, facts));
    findings
}

fn relation(table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let name = &table.name;
    let mut findings = Vec::new();
    match facts.relation {
        Relation::Table => {}
        Relation::View => findings.push(Finding::refusal(
            "view",
            format!("`{name}` is a view"),
            "use the table that contains the cells",
        )),
        Relation::Foreign => findings.push(Finding::refusal(
            "foreign-table",
            format!("`{name}` is a foreign or virtual table"),
            "rotate it in the database that stores it",
        )),
        Relation::InheritanceParent => findings.push(Finding::refusal(
            "inheritance",
            format!("`{name}` has child tables, so no row key is unique across them"),
            "add each child table to the plan",
        )),
    }
    if !facts.transactional {
        findings.push(Finding::refusal(
            "not-transactional",
            format!("the storage engine of `{name}` does not support transactions"),
            format!("ALTER TABLE {name} ENGINE=InnoDB"),
        ));
    }
    findings
}

fn row_key(table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let name = &table.name;
    let columns = table.row_key.join(", ");
    let mut findings = Vec::new();
    for key in &table.row_key {
        let Some(column) = facts.column(key) else {
            findings.push(no_column(table, facts, key));
            continue;
        };
        if !column.not_null {
            findings.push(Finding::refusal(
                "row-key-null",
                format!("`{name}.{key}` may be NULL, but a row key must be NOT NULL"),
                format!("declare `{key}` NOT NULL, or use a different row key"),
            ));
        }
        if column.sql_type.is_empty() {
            findings.push(Finding::refusal(
                "row-key-type",
                format!(
                    "`{name}.{key}` has no declared type, so it may contain numbers that do not compare \
                     exactly"
                ),
                "declare its type, or use a different row key",
            ));
        }
        if matches!(column.kind, Kind::Other | Kind::Json) && !column.enumerated {
            findings.push(Finding::refusal(
                "row-key-type",
                format!(
                    "`{name}.{key}` is {}: a row key must consist of integers, strings, enums, UUIDs or \
                     bytes",
                    column.sql_type
                ),
                "floats and times do not compare exactly; use a different row key",
            ));
        }
    }
    if findings.is_empty() && facts.unique_index(&table.row_key).is_none() {
        let unique: Vec<String> = facts
            .indexes
            .iter()
            .filter(|index| index.unique && !index.partial)
            .filter_map(|index| index.columns.iter().cloned().collect::<Option<Vec<_>>>())
            .map(|columns| columns.join(", "))
            .collect();
        let help = match unique.is_empty() {
            true => format!("CREATE UNIQUE INDEX ON {name} ({columns})"),
            false => format!("use a unique key of the table: {}", unique.join("; ")),
        };
        let message = format!("`{name}` has no unique index on exactly ({columns})");
        findings.push(Finding::refusal("row-key-not-unique", message, help));
    }
    findings
}

fn no_column(table: &TableJob, facts: &TableFacts, name: &str) -> Finding {
    let columns: Vec<&str> = facts.columns.iter().map(|column| column.name.as_str()).collect();
    Finding::refusal(
        "no-such-column",
        format!("table `{}` has no column `{name}`", table.name),
        format!("its columns are {}", columns.join(", ")),
    )
}

/// Whether a column holds the tags of keys.
fn holds_key_tags(table: &TableJob, name: &str) -> bool {
    let mut parts = table.fields.iter().flat_map(|field| &field.columns);
    table.key_column.as_deref() == Some(name)
        || parts.any(|(part, column)| *part == Part::Key && column == name)
}

fn writable_column(table: &TableJob, facts: &TableFacts, name: &str) -> Vec<Finding> {
    let Some(column) = facts.column(name) else { return vec![no_column(table, facts, name)] };
    let place = format!("{}.{name}", table.name);
    let mut findings = Vec::new();
    let mut refuse = |code, message: String, help: &str| findings.push(Finding::refusal(code, message, help));
    if column.generated {
        refuse(
            "generated-column",
            format!("`{place}` is computed by the database"),
            "use the column from which it is computed",
        );
    }
    // A column that names a key may well point at the application's list of keys.
    if column.referenced && !holds_key_tags(table, name) {
        refuse(
            "referenced-column",
            format!("`{place}` is referenced by a foreign key"),
            "drop the foreign key first",
        );
    }
    if facts.partition_columns.iter().any(|other| other == name) {
        refuse(
            "partition-key",
            format!("`{place}` is part of the partition key"),
            "a partition key cannot be rotated in place",
        );
    }
    if table.row_key.iter().any(|key| key == name) {
        refuse("row-key-rotated", format!("`{place}` is part of the row key"), "use a different row key");
    }
    findings
}

fn cell_column(
    table: &TableJob,
    facts: &TableFacts,
    field: &FieldJob,
    part: Part,
    name: &str,
) -> Vec<Finding> {
    let mut findings = writable_column(table, facts, name);
    let Some(column) = facts.column(name) else { return findings };
    if part == Part::Key {
        findings.extend(key_tags(table, facts, field, name));
        return findings;
    }
    let place = format!("{}.{name}", table.name);
    match column.kind {
        Kind::Text if is_binary(field, part) && field.encoding == crate::CellEncoding::Raw => {
            findings.push(Finding::refusal(
                "binary-in-text",
                format!("`{place}` is {}, but cells of seal `{}` are binary", column.sql_type, field.to.name),
                "use a text layout, set `encoding` of the field, or use a binary column",
            ));
        }
        Kind::Text | Kind::Binary => {}
        Kind::Int | Kind::Uuid | Kind::Json | Kind::Other => findings.push(Finding::refusal(
            "column-type",
            format!("`{place}` is {}, but cells must be in text or binary columns", column.sql_type),
            "use the column that contains the cell",
        )),
    }
    findings
}

/// Whether a part is bytes before its encoding: a wrapped DEK always is.
fn is_binary(field: &FieldJob, part: Part) -> bool {
    field.to.format.binary || matches!(part, Part::WrappedDek | Part::DekNonce)
}

fn last_error(table: &TableJob, facts: &TableFacts, name: &str) -> Vec<Finding> {
    let mut findings = writable_column(table, facts, name);
    let Some(column) = facts.column(name) else { return findings };
    let place = format!("{}.{name}", table.name);
    if column.kind != Kind::Text
        || column.not_null
        || column.max_length.is_some_and(|max| max < Reason::LONGEST as u64)
    {
        findings.push(Finding::refusal(
            "last-error-column",
            format!("`{place}` is {}, which cannot store a reason or be NULL", column.sql_type),
            format!("use a nullable text column for at least {} characters", Reason::LONGEST),
        ));
    }
    findings
}

/// The tags of the keys, as the column that names a cell's key can hold them.
fn key_tags(table: &TableJob, facts: &TableFacts, field: &FieldJob, name: &str) -> Vec<Finding> {
    let Some(column) = facts.column(name) else { return Vec::new() };
    let Some(primary) = field.to.keyset.primary() else { return Vec::new() };
    let place = format!("{}.{name}", table.name);
    if column.kind == Kind::Int && primary.tag().parse::<i64>().is_err() {
        let message =
            format!("`{place}` is {}, but the tag `{}` is not a number", column.sql_type, primary.tag());
        return vec![Finding::refusal("key-tag", message, "set `tag:` of the key as the data has it")];
    }
    if column.kind == Kind::Uuid
        && hex::decode(primary.tag().replace('-', "")).map_or(true, |id| id.len() != 16)
    {
        let message =
            format!("`{place}` is {}, but the tag `{}` is not a UUID", column.sql_type, primary.tag());
        return vec![Finding::refusal("key-tag", message, "set `tag:` of the key as the data has it")];
    }
    if column.max_length.is_some_and(|max| primary.tag().chars().count() as u64 > max) {
        let message =
            format!("`{place}` is {}, which is too narrow for the tag `{}`", column.sql_type, primary.tag());
        return vec![Finding::refusal("key-tag", message, "widen the column, or use a shorter `tag:`")];
    }
    Vec::new()
}

/// Fields whose cells one column names the key of must end under keys of one tag.
fn shared_key_columns(table: &TableJob) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_table = table.key_column.iter();
    let of_fields = table.fields.iter().flat_map(|field| &field.columns);
    let of_fields = of_fields.filter(|(part, _)| *part == Part::Key).map(|(_, name)| name);
    let mut seen: Vec<&String> = Vec::new();
    for name in of_table.chain(of_fields) {
        if seen.contains(&name) {
            continue;
        }
        seen.push(name);
        let has = |field: &&FieldJob| {
            table.key_column.as_ref() == Some(name)
                || field.columns.iter().any(|(part, other)| *part == Part::Key && other == name)
        };
        let mut primaries = table.fields.iter().filter(has).filter_map(|field| field.to.keyset.primary());
        let Some(first) = primaries.next() else { continue };
        if let Some(other) = primaries.find(|other| other.tag() != first.tag()) {
            findings.push(Finding::refusal(
                "key-tag",
                format!(
                    "`{}.{name}` names the key of several fields, but their new keys differ: `{}` and `{}`",
                    table.name,
                    first.tag(),
                    other.tag()
                ),
                "use one keyset for these fields, or a key column for each",
            ));
        }
    }
    findings
}

/// Indexes on rotated columns: each doubles the cost, and a unique one cannot hold while two keys are in use.
fn indexes(job: &Job, table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let rotated: Vec<&String> = table.fields.iter().flat_map(FieldJob::written).collect();
    let mut findings = Vec::new();
    for index in &facts.indexes {
        let Some(column) = index.columns.iter().flatten().find(|name| rotated.contains(name)) else {
            continue;
        };
        let place = format!("{}.{column}", table.name);
        if index.unique && job.application != Application::Paused {
            findings.push(Finding::refusal(
                "unique-cells",
                format!(
                    "`{place}` has the unique index `{}`, which cannot detect equal values under two keys",
                    index.name
                ),
                "stop the application and set `application: paused`",
            ));
        } else {
            findings.push(Finding::warning(
                "indexed-cells",
                format!(
                    "`{place}` has the index `{}`, which every write updates too, at about twice the cost",
                    index.name
                ),
                "if no query uses it, drop it before the run",
            ));
        }
    }
    findings
}
