//! What PostgreSQL's catalogue says.

use sea_query::Values;

use super::{Postgres, full};
use crate::driver::{Driver, Names, Statement};
use crate::facts::{ColumnFacts, IndexFacts, Relation, Replication, TableFacts, without_guards};
use crate::taker::Taker;
use crate::{Kind, StoreError, TableMark, TableName};

pub(super) async fn ask(
    session: &mut Postgres,
    sql: &str,
    args: &[&str],
    kinds: &[Kind],
) -> Result<Vec<Taker>, StoreError> {
    let args = Values(args.iter().map(|arg| (*arg).into()).collect());
    let rows = session.fetch(Statement::own(sql.to_owned(), args), kinds).await?;
    Ok(rows.into_iter().map(Taker::new).collect())
}

pub(super) async fn describe(
    session: &mut Postgres,
    table: &TableName,
) -> Result<Option<TableFacts>, StoreError> {
    let Some(table) = own_name(session, table).await? else { return Ok(None) };
    let name = full(&table);
    let sql = "SELECT c.relkind::text, (EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = c.oid))::int::bigint \
               FROM pg_class c WHERE c.oid = to_regclass($1)";
    let Some(mut row) = ask(session, sql, &[&name], &[Kind::Text, Kind::Int]).await?.pop() else {
        return Ok(None);
    };
    let (relkind, has_children) = (row.text(), row.int() == 1);
    let relation = match relkind.as_str() {
        "r" if has_children => Relation::InheritanceParent,
        "r" | "p" => Relation::Table,
        "f" => Relation::Foreign,
        _ => Relation::View,
    };
    let (update_triggers, mut guards) = without_guards(triggers(session, &name).await?);
    let sql = "SELECT count(*) FROM pg_constraint WHERE conrelid = to_regclass($1) AND conname = $2";
    let constraints = ask(session, sql, &[&name, crate::guard::PREFIX], &[Kind::Int]).await?.pop();
    if constraints.is_some_and(|mut row| row.int() > 0) {
        guards.push(crate::guard::PREFIX.to_owned());
    }
    Ok(Some(TableFacts {
        name: table,
        relation,
        columns: columns(session, &name).await?,
        indexes: indexes(session, &name).await?,
        update_triggers,
        trigger_writes: vec![],
        calls: vec![],
        update_rules: update_rules(session, &name).await?,
        unidentified_in: unidentified_in(session, &name).await?,
        guards,
        transactional: true,
        partition_columns: partition_columns(session, &name).await?,
    }))
}

/// The schema and the name of a table, as the catalogue resolves it by the path that the connection began with.
pub(super) async fn own_name(
    session: &mut Postgres,
    table: &TableName,
) -> Result<Option<TableName>, StoreError> {
    let sql = "SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
               WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";
    let args = Values(vec![full(table).into()]);
    let statement = Statement { names: Names::Table, ..Statement::own(sql.to_owned(), args) };
    let found = session.fetch(statement, &[Kind::Text; 2]).await?.pop().map(Taker::new);
    Ok(found.map(|mut row| TableName { schema: Some(row.text()), name: row.text() }))
}

/// The oids of database and table.
pub(super) async fn mark(session: &mut Postgres, table: &TableName) -> Result<Option<TableMark>, StoreError> {
    let Some(table) = own_name(session, table).await? else { return Ok(None) };
    let sql = "SELECT d.oid::bigint, c.oid::bigint FROM pg_class c, pg_database d \
               WHERE c.oid = to_regclass($1) AND d.datname = current_database()";
    let row = ask(session, sql, &[&full(&table)], &[Kind::Int; 2]).await?.pop();
    Ok(row.map(|mut row| TableMark::Oids { database: row.int(), table: row.int() }))
}

/// Pages below which a table is not worth cutting.
const FEWEST_PAGES: i64 = 256;

/// Ranges of pages. The last has no end, so that it holds what the table grew by since it was measured.
pub(super) async fn slices(
    session: &mut Postgres,
    table: &TableName,
    parts: usize,
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT coalesce(pg_relation_size(to_regclass($1)) / current_setting('block_size')::bigint, 0)";
    let found = ask(session, sql, &[&full(table)], &[Kind::Int]).await?.pop();
    let pages = found.map_or(0, |mut row| row.int());
    if parts < 2 || pages < FEWEST_PAGES {
        return Ok(Vec::new());
    }
    let at = |part: usize| pages * part as i64 / parts as i64;
    let slice = |part: usize| match (part, part + 1 == parts) {
        (0, _) => format!("ctid < '({},0)'::tid", at(1)),
        (_, true) => format!("ctid >= '({},0)'::tid", at(part)),
        _ => format!("ctid >= '({},0)'::tid AND ctid < '({},0)'::tid", at(part), at(part + 1)),
    };
    Ok((0..parts).map(slice).collect())
}

/// Columns that the user may not read, those of the system that pages read among them: they are granted one by one too.
pub(super) async fn unreadable(
    session: &mut Postgres,
    table: &TableName,
    columns: &[&str],
) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = to_regclass($1) \
               AND NOT has_column_privilege(a.attrelid, a.attnum, 'SELECT') \
               AND a.attname = ANY (string_to_array($2, chr(31))) ORDER BY a.attnum < 0, a.attnum DESC";
    let columns = [columns, session.system_columns()].concat().join("\u{1f}");
    let rows = ask(session, sql, &[&full(table), &columns], &[Kind::Text]).await?;
    Ok(rows.into_iter().map(|mut row| row.text()).collect())
}

async fn columns(session: &mut Postgres, name: &str) -> Result<Vec<ColumnFacts>, StoreError> {
    // A domain may be one over another: the last one down has the type that values are of, and the first one on the way
    // that bounds their length does so for all.
    let sql = "SELECT a.attname::text, CASE WHEN b.typtype = 'b' THEN b.typname::text ELSE '' END, (b.typtype = 'e')::int::bigint, \
                      CASE WHEN b.own THEN NULL ELSE coalesce(b.operators, 'pg_catalog') END, \
                      format_type(a.atttypid, a.atttypmod), \
                      a.attnotnull::int::bigint, \
                      CASE WHEN b.own AND b.typname IN ('varchar', 'bpchar') AND b.typmod > 4 THEN (b.typmod - 4)::bigint END, \
                      (a.attgenerated <> '')::int::bigint, \
                      (EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND \
                          ((f.conrelid = a.attrelid AND a.attnum = ANY (f.conkey)) OR \
                           (f.confrelid = a.attrelid AND a.attnum = ANY (f.confkey)))))::int::bigint, \
                      (has_column_privilege(a.attrelid, a.attnum, 'SELECT') AND \
                       has_column_privilege(a.attrelid, a.attnum, 'UPDATE'))::int::bigint \
               FROM pg_attribute a CROSS JOIN LATERAL ( \
                   WITH RECURSIVE down AS ( \
                       SELECT t.oid, t.typname, t.typnamespace, t.typtype, t.typbasetype, \
                              coalesce(nullif(a.atttypmod, -1), t.typtypmod) AS typmod \
                       FROM pg_type t WHERE t.oid = a.atttypid \
                       UNION ALL \
                       SELECT t.oid, t.typname, t.typnamespace, t.typtype, t.typbasetype, \
                              coalesce(nullif(d.typmod, -1), t.typtypmod) \
                       FROM down d JOIN pg_type t ON t.oid = d.typbasetype WHERE d.typtype = 'd') \
                   SELECT typname, typtype, typmod, typnamespace = 'pg_catalog'::regnamespace AS own, ( \
                       SELECT n.nspname::text FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod \
                       JOIN pg_amop p ON p.amopfamily = c.opcfamily AND p.amoplefttype = c.opcintype \
                           AND p.amoprighttype = c.opcintype AND p.amopstrategy = 3 \
                       JOIN pg_operator o ON o.oid = p.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace \
                       WHERE m.amname = 'btree' AND c.opcdefault AND c.opcintype = down.oid LIMIT 1) AS operators \
                   FROM down WHERE typtype <> 'd') b \
               WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
    let mut kinds = vec![Kind::Text, Kind::Text, Kind::Int, Kind::Text, Kind::Text];
    kinds.extend([Kind::Int; 5]);
    let rows = ask(session, sql, &[name], &kinds).await?;
    Ok(rows
        .into_iter()
        .map(|mut row| {
            let (name, base, enumerated) = (row.text(), row.text(), row.int() == 1);
            let (operators, sql_type) = (row.optional_text(), row.text());
            ColumnFacts {
                name,
                kind: kind_of(&base, operators.is_none()),
                operators,
                enumerated,
                sql_type,
                not_null: row.int() == 1,
                max_length: row.optional_int().and_then(|n| u64::try_from(n).ok()),
                generated: row.int() == 1,
                touched: false,
                referenced: row.int() == 1,
                writable: row.int() == 1,
            }
        })
        .collect())
}

/// A type of another schema than the database's own is what it is called by chance, or by design.
fn kind_of(base: &str, own: bool) -> Kind {
    match base {
        "citext" => Kind::Text,
        _ if !own => Kind::Other,
        "int2" | "int4" | "int8" => Kind::Int,
        "text" | "varchar" | "bpchar" => Kind::Text,
        "bytea" => Kind::Binary,
        "uuid" => Kind::Uuid,
        "json" | "jsonb" => Kind::Json,
        _ => Kind::Other,
    }
}

async fn indexes(session: &mut Postgres, name: &str) -> Result<Vec<IndexFacts>, StoreError> {
    // One row per index column; indcollation differs from the column's where the index has one of its own.
    let sql = "SELECT c.relname::text, (i.indisunique AND i.indisvalid AND i.indimmediate)::int::bigint, \
                      (i.indpred IS NOT NULL)::int::bigint, \
                      CASE WHEN m.amname = 'btree' THEN current_setting('block_size')::bigint / 3 - 38 END, a.attname::text, \
                      CASE WHEN o.coll <> 0 AND o.coll <> a.attcollation \
                           THEN format('%I.%I', l.collnamespace::regnamespace::name, l.collname) END \
               FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam \
               CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indcollation::oid[]) \
                    WITH ORDINALITY AS o(attnum, coll, n) \
               LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = o.attnum AND o.attnum > 0 \
               LEFT JOIN pg_collation l ON l.oid = o.coll \
               WHERE i.indrelid = to_regclass($1) AND o.n <= i.indnkeyatts ORDER BY c.relname, o.n";
    let kinds = [Kind::Text, Kind::Int, Kind::Int, Kind::Int, Kind::Text, Kind::Text];
    let mut found: Vec<IndexFacts> = Vec::new();
    for mut row in ask(session, sql, &[name], &kinds).await? {
        let (name, unique, partial) = (row.text(), row.int() == 1, row.int() == 1);
        // An entry of a B-tree takes up to a third of a page, less the page's own lines and the entry's header.
        let max_bytes = row.optional_int().and_then(|n| u64::try_from(n).ok());
        if found.last().is_none_or(|index| index.name != name) {
            found.push(IndexFacts { name, columns: vec![], collations: vec![], unique, partial, max_bytes });
        }
        if let Some(index) = found.last_mut() {
            index.columns.push(row.optional_text());
            index.collations.push(row.optional_text());
        }
    }
    Ok(found)
}

/// Triggers that an UPDATE of the table `$1` fires, guards of ours among them; the same wherever the connection looks. Bit 4 of tgtype is UPDATE; 'D' is a disabled
/// trigger.
pub(super) const TRIGGERS: &str = "SELECT DISTINCT tgname::pg_catalog.text FROM pg_catalog.pg_trigger \
    WHERE tgrelid OPERATOR(pg_catalog.=) ANY (ARRAY (SELECT pg_catalog.to_regclass($1)::pg_catalog.oid \
        UNION ALL SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass($1)))) \
    AND NOT tgisinternal AND tgenabled OPERATOR(pg_catalog.<>) 'D' \
    AND (tgtype OPERATOR(pg_catalog.&) 16) OPERATOR(pg_catalog.<>) 0";

pub(super) async fn triggers(session: &mut Postgres, name: &str) -> Result<Vec<String>, StoreError> {
    let statement = Statement::own(format!("{TRIGGERS} ORDER BY 1"), Values(vec![name.into()]));
    // Asked behind each swap, where to change the path first would be a round trip more.
    let statement = Statement { names: session.line.now(), ..statement };
    let rows = session.fetch(statement, &[Kind::Text]).await?;
    Ok(rows.into_iter().map(|row| Taker::new(row).text()).collect())
}

/// Rules that an UPDATE is rewritten by.
async fn update_rules(session: &mut Postgres, name: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT rulename::text FROM pg_rewrite WHERE ev_class = to_regclass($1) AND ev_type = '2' \
               AND ev_enabled <> 'D' ORDER BY 1";
    Ok(ask(session, sql, &[name], &[Kind::Text]).await?.into_iter().map(|mut row| row.text()).collect())
}

/// The publication that publishes updates of the table, or of a partition, whose rows it cannot identify: the server
/// then refuses any update.
async fn unidentified_in(session: &mut Postgres, name: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT p.pubname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_publication p ON p.pubupdate \
         WHERE (c.oid = to_regclass($1) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)))) AND c.relkind = 'r' AND NOT CASE c.relreplident \
             WHEN 'f' THEN true WHEN 'n' THEN false \
             WHEN 'd' THEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indimmediate) \
             ELSE EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) END \
         AND EXISTS (SELECT FROM pg_publication_tables t JOIN pg_class k ON k.relname = t.tablename \
             JOIN pg_namespace s ON s.oid = k.relnamespace AND s.nspname = t.schemaname \
             WHERE t.pubname = p.pubname AND (k.oid = c.oid OR k.oid IN (SELECT relid FROM pg_partition_ancestors(c.oid)))) \
         ORDER BY 1 LIMIT 1";
    Ok(ask(session, sql, &[name], &[Kind::Text]).await?.pop().map(|mut row| row.text()))
}

async fn partition_columns(session: &mut Postgres, name: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT a.attname::text FROM pg_partitioned_table p \
               JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[]) \
               WHERE p.partrelid = to_regclass($1)";
    Ok(ask(session, sql, &[name], &[Kind::Text]).await?.into_iter().map(|mut row| row.text()).collect())
}

pub(super) async fn guarded_tables(session: &mut Postgres) -> Result<Vec<TableName>, StoreError> {
    let sql = "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE NOT c.relispartition AND (EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conname = $1) \
               OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = $1)) ORDER BY 1, 2";
    let rows = ask(session, sql, &[crate::guard::PREFIX], &[Kind::Text; 2]).await?;
    Ok(rows.into_iter().map(|mut row| TableName { schema: row.optional_text(), name: row.text() }).collect())
}

pub(super) async fn tables(session: &mut Postgres) -> Result<Vec<TableName>, StoreError> {
    // Which of them are visible is asked as the connection looked.
    let sql = "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN NULL ELSE n.nspname::pg_catalog.text END, \
                      c.relname::pg_catalog.text \
               FROM pg_catalog.pg_class c \
               JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
               WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m,f}'::pg_catalog.\"char\"[]) \
               AND NOT c.relispartition \
               AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{reseal,information_schema}'::pg_catalog.name[]) \
               AND n.nspname OPERATOR(pg_catalog.!~) '^pg_' ORDER BY 1, 2";
    let statement = Statement { names: Names::Table, ..Statement::own(sql.to_owned(), Values(vec![])) };
    let rows = session.fetch(statement, &[Kind::Text, Kind::Text]).await?;
    Ok(rows
        .into_iter()
        .map(Taker::new)
        .map(|mut row| TableName { schema: row.optional_text(), name: row.text() })
        .collect())
}

/// Positions by `pg_stat_replication`. Who lacks the role `pg_monitor` sees replicas and not where they are.
pub(super) async fn replication(session: &mut Postgres) -> Result<Option<Replication>, StoreError> {
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint, count(*), count(replay_lsn), \
                      coalesce(min(pg_wal_lsn_diff(replay_lsn, '0/0')), 0)::bigint \
               FROM pg_stat_replication WHERE application_name <> 'pg_basebackup'";
    let Some(mut row) = ask(session, sql, &[], &[Kind::Int; 4]).await?.pop() else { return Ok(None) };
    let (written, replicas, visible, replayed) = (row.count(), row.count(), row.count(), row.count());
    Ok((replicas > 0 && visible == replicas).then_some(Replication { written, replayed }))
}
