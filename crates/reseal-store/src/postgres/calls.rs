//! Whose functions run when a table is read or written.

use super::Postgres;
use super::facts::ask;
use crate::facts::Called;
use crate::{Kind, StoreError};

/// What the table `$1` carries that calls something: by the catalogue's own record of what each part depends on, which names
/// functions and operators, and no such thing as comes with the server. `mine` is what the connection's user has and the
/// table's owner has not; without such privileges nobody gains by being called.
const CALLS: &str = "WITH RECURSIVE these AS (\
        SELECT to_regclass($1)::oid AS oid UNION SELECT relid::oid FROM pg_partition_tree(to_regclass($1))), \
    types AS (\
        SELECT a.atttypid AS oid FROM pg_attribute a JOIN these t ON t.oid = a.attrelid \
        WHERE a.attnum > 0 AND NOT a.attisdropped \
        UNION SELECT y.typbasetype FROM types t JOIN pg_type y ON y.oid = t.oid WHERE y.typtype = 'd'), \
    parts (class, oid, what, reads) AS (\
        SELECT 'pg_trigger'::regclass, g.oid, 'trigger ' || g.tgname, false FROM pg_trigger g \
            JOIN these t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal AND g.tgenabled <> 'D' \
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 'constraint ' || c.conname, true FROM pg_constraint c \
            JOIN these t ON t.oid = c.conrelid \
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid, 'domain ' || y.typname, false FROM pg_constraint c \
            JOIN types t ON t.oid = c.contypid JOIN pg_type y ON y.oid = t.oid \
        UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 'column ' || a.attname, false FROM pg_attrdef d \
            JOIN these t ON t.oid = d.adrelid \
            JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum \
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, 'rule ' || r.rulename, true FROM pg_rewrite r \
            JOIN these t ON t.oid = r.ev_class WHERE r.ev_enabled <> 'D' \
        UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 'index ' || c.relname, true FROM pg_index i \
            JOIN these t ON t.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid \
        UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, 'statistics ' || s.stxname, true \
            FROM pg_statistic_ext s JOIN these t ON t.oid = s.stxrelid \
        UNION ALL SELECT 'pg_class'::regclass, t.oid, 'partition key', true FROM these t), \
    calls AS (\
        SELECT p.what, p.reads, d.refobjid AS oid FROM parts p \
            JOIN pg_depend d ON d.classid = p.class AND d.objid = p.oid WHERE d.refclassid = 'pg_proc'::regclass \
        UNION SELECT p.what, p.reads, o.oprcode::oid FROM parts p \
            JOIN pg_depend d ON d.classid = p.class AND d.objid = p.oid AND d.refclassid = 'pg_operator'::regclass \
            JOIN pg_operator o ON o.oid = d.refobjid) \
    SELECT c.what, format('%s.%s', n.nspname, f.proname), o.rolname::text, \
        (f.proowner = r.relowner)::int::bigint, c.reads::int::bigint \
    FROM calls c JOIN pg_proc f ON f.oid = c.oid JOIN pg_namespace n ON n.oid = f.pronamespace \
    JOIN pg_roles o ON o.oid = f.proowner JOIN pg_class r ON r.oid = to_regclass($1) \
    JOIN pg_roles me ON me.rolname = current_user \
    WHERE NOT o.rolsuper AND o.oid <> me.oid AND (me.rolsuper OR EXISTS (\
        SELECT FROM pg_roles mine WHERE mine.oid <> me.oid AND pg_has_role(me.oid, mine.oid, 'MEMBER') \
        AND NOT pg_has_role(r.relowner, mine.oid, 'MEMBER'))) ORDER BY 1, 2";

/// The functions of others that run with more privileges than the table's owner has.
pub(super) async fn calls(session: &mut Postgres, name: &str) -> Result<Vec<Called>, StoreError> {
    let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Int];
    let rows = ask(session, CALLS, &[name], &kinds).await?;
    let called = rows.into_iter().map(|mut row| Called {
        by: row.text(),
        function: row.text(),
        owner: row.text(),
        owns_table: row.int() == 1,
        when_read: row.int() == 1,
    });
    Ok(called.collect())
}
