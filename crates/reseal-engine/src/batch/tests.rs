//! A row's cells are verified one by one: what does not reopen is never among the values that are written.

use std::sync::Arc;

use reseal_core::{
    BuiltFormat, Cell, Format, Identified, Key, KeyLength, Keyset, OpenError, Part, Plaintext, SealError,
    SecretBytes, Value,
};
use reseal_store::{ColumnFacts, Kind, Relation, RowKey, TableFacts, TableName};

use super::*;
use crate::batch::planned::cells;
use crate::cell::standing::Standing;
use crate::job::scope::Scope;
use crate::job::seal::{NamedFormat, Seal};
use crate::job::{Application, CellEncoding, FieldJob, Job, Pace, TableJob};

/// `tag:plaintext`. It lies about plaintexts that say so: what it seals of them reads as something else.
struct Lying;

impl Format for Lying {
    fn identify<'c>(&self, cell: &'c Cell) -> Identified<'c> {
        let text = cell.get(Part::Ciphertext).and_then(Value::text).unwrap_or_default().into_owned();
        text.split_once(':').map_or(Identified::NotMine, |(tag, _)| Identified::Marked(tag.to_owned().into()))
    }

    fn open(&self, cell: &Cell, key: &Key, _: &[u8]) -> Result<Plaintext, OpenError> {
        let text = cell.get(Part::Ciphertext).and_then(Value::text).unwrap_or_default().into_owned();
        match text.split_once(':') {
            Some((tag, rest)) if tag == key.tag() => Ok(Plaintext::new(rest.as_bytes().to_vec())),
            _ => Err(OpenError::NotThisKey),
        }
    }

    fn seal(
        &self,
        text: &Plaintext,
        key: &Key,
        _: &[u8],
        _: Option<&Cell>,
    ) -> Result<Cell<'static>, SealError> {
        let text = String::from_utf8_lossy(text.expose()).replace("lie", "LIE");
        Ok(Cell::whole(Value::Text(format!("{}:{text}", key.tag()))))
    }
}

fn job(change: fn(&mut TableJob)) -> Arc<Job> {
    let key = |id: &str, byte: u8| Key::new(id, SecretBytes::new(vec![byte; 4]));
    let keyset = Keyset::new("main", vec![key("v1", 1), key("v2", 2)], Some("v2")).unwrap();
    let format = BuiltFormat {
        format: Arc::new(Lying),
        authenticated: true,
        marked: true,
        key_length: KeyLength::Passphrase,
        binary: false,
        plaintext: false,
        max_seals: None,
    };
    let seal = Arc::new(Seal::new(
        "main",
        NamedFormat { name: "lying", built: format },
        Arc::new(keyset),
        None,
        None,
        None,
    ));
    let field = |name: &str| FieldJob {
        name: name.into(),
        to: seal.clone(),
        from: vec![],
        columns: vec![(Part::Ciphertext, name.into())],
        mirrors: vec![],
        last_error: None,
        encoding: CellEncoding::Raw,
    };
    let mut table = TableJob {
        name: TableName { schema: None, name: "t".into() },
        row_key: vec!["id".into()],
        tenant: None,
        domain: None,
        filter: None,
        key_column: None,
        shared_nonce: false,
        fields: vec![field("a"), field("b")],
    };
    change(&mut table);
    Arc::new(Job {
        plan: "t".into(),
        digest: String::new(),
        application: Application::BothKeys,
        keysets: vec![],
        tables: vec![table],
        recognisers: vec![],
        key_facts: vec![],
        ignore: vec![],
        side_effects: vec![],
        undo: true,
        guard: None,
        pace: Pace::default(),
        reread: None,
        deks: Arc::default(),
        hooks: Arc::default(),
        keys_missing: None,
    })
}

fn target() -> Target {
    target_with(|_| {})
}

fn target_with(change: fn(&mut TableJob)) -> Target {
    let column = |name: &str, kind: Kind| ColumnFacts {
        name: name.into(),
        kind,
        operators: None,
        enumerated: false,
        sql_type: String::new(),
        not_null: false,
        max_length: None,
        generated: false,
        touched: false,
        referenced: false,
        writable: true,
    };
    let facts = TableFacts {
        name: TableName { schema: None, name: "t".into() },
        relation: Relation::Table,
        columns: vec![
            column("id", Kind::Int),
            column("a", Kind::Text),
            column("b", Kind::Text),
            column("k", Kind::Text),
            column("numbers", Kind::Int),
        ],
        indexes: vec![],
        update_triggers: vec![],
        trigger_writes: vec![],
        calls: vec![],
        update_rules: vec![],
        unidentified_in: None,
        guards: vec![],
        transactional: true,
        partition_columns: vec![],
    };
    Target::new(&job(change), 0, &facts, &Scope::default()).unwrap()
}

const RECIPE: Recipe =
    Recipe { trust: Trust::Marks, form: Form::Rows { undo: true }, spared: None, notes: false };

fn worked(a: &str, b: &str) -> Work {
    let text = |text: &str| Value::Text(text.into());
    let key = RowKey(vec![Value::Int(1)]);
    let rows = vec![Row { key, values: vec![text(a), text(b)], version: None, slot: 0 }];
    work(&target(), rows.into(), &RECIPE, None).unwrap()
}

#[test]
fn a_cell_that_does_not_reopen_is_not_written_with_its_row() {
    let work = worked("v1:a lie", "v1:honest");
    assert_eq!(work.swaps[0].swap.new, [Value::Text("v1:a lie".into()), Value::Text("v2:honest".into())]);
    assert_eq!(work.swaps[0].moved.cells(), 1);
    assert_eq!((work.broken[0].field.as_str(), work.broken[0].reason.as_str()), ("a", "does-not-reopen"));
    assert_eq!(work.counts.cells_quarantined, 1);
}

#[test]
fn a_row_of_cells_that_do_not_reopen_is_not_written_at_all() {
    let work = worked("v1:a lie", "v9:nobody's");
    assert_eq!(work.swaps.len(), 0);
    assert_eq!(work.counts.cells_quarantined, 2);
}

#[test]
fn what_is_under_the_primary_is_left_alone() {
    let work = worked("v2:done", "v1:not yet");
    assert_eq!(work.swaps[0].swap.new, [Value::Text("v2:done".into()), Value::Text("v2:not yet".into())]);
    assert_eq!((work.counts.cells_current, cells(&work.swaps)), (1, 1));
}

/// One column names the key of both fields.
fn with_one_key_column(table: &mut TableJob) {
    table.fields.iter_mut().for_each(|field| field.columns.push((Part::Key, "k".into())));
}

fn with_a_mirror_for_numbers(table: &mut TableJob) {
    with_one_key_column(table);
    table.fields[1].mirrors = vec![(Part::Ciphertext, "numbers".into())];
}

#[test]
fn cells_that_share_a_column_move_together_or_not_at_all() {
    let text = |text: &str| Value::Text(text.into());
    let worked = |change: fn(&mut TableJob), a: &str, b: &str| {
        let target = target_with(change);
        let mut values = vec![text(a), text("v1"), text(b)];
        values.resize(target.shape.cells.len(), Value::Null);
        let rows = vec![Row { key: RowKey(vec![Value::Int(1)]), values, version: None, slot: 0 }];
        work(&target, rows.into(), &RECIPE, None).unwrap()
    };
    let work = worked(with_one_key_column, "v1:one", "v1:two");
    assert_eq!(work.swaps[0].swap.new, [text("v2:one"), text("v2"), text("v2:two")]);
    assert_eq!(cells(&work.swaps), 2);
    for (change, a, b, reason) in [
        (with_one_key_column as fn(&mut TableJob), "v1:one", "v1:a lie", "does-not-reopen"),
        (with_one_key_column, "v1:a lie", "v1:two", "does-not-reopen"),
        (with_one_key_column, "v9:nobody's", "v1:two", "unknown-key"),
        // That a mirror cannot hold the new cell is known last.
        (with_a_mirror_for_numbers, "v1:one", "v1:two", "column-type"),
    ] {
        let work = worked(change, a, b);
        assert_eq!(work.swaps.len(), 0, "{a}, {b}");
        assert_eq!(work.broken.len(), 1, "{a}, {b}");
        assert_eq!(work.broken[0].reason, reason, "{a}, {b}");
    }
}

fn row(id: i64, cells: [Option<&str>; 2]) -> Row {
    let values = cells.map(|cell| cell.map_or(Value::Null, |cell| Value::Text(cell.into())));
    let (version, slot) = (Some(700 + id as u32), id as u16 * 5);
    Row { key: RowKey(vec![Value::Int(id)]), values: values.into(), version, slot }
}

fn rows() -> Rows {
    let cells = [
        [Some("v1:a"), Some("v1:b")],
        [None, Some("v1:b")],
        [Some("v1:"), None],
        [Some("v2:done"), Some("v1:é")],
        [Some("v1:a"), Some("")],
        [Some("nobody's"), Some("v1:b")],
        [Some("v2:done"), None],
        [Some("v1:a lie"), Some("v9:unknown")],
    ];
    (0..64).map(|id| row(id, cells[id as usize % cells.len()])).collect::<Vec<_>>().into()
}

/// Row, new values, version, fields moved, filled and plain, and what undo keeps.
type Written = (i64, Vec<Value>, Option<u32>, [Fields; 3], Vec<u8>);

/// What is written, counted and kept of swaps, by their rows.
fn written(swaps: Vec<PlannedSwap>) -> Vec<Written> {
    let number = |key: &RowKey| if let Value::Int(n) = key.0[0] { n } else { -1 };
    let mut written: Vec<Written> = swaps
        .into_iter()
        .map(|PlannedSwap { swap, moved }| {
            let fields = [moved.fields, moved.filled, moved.plain];
            (number(&swap.key), swap.new, swap.version, fields, moved.entry)
        })
        .collect();
    written.sort_by_key(|(id, ..)| *id);
    written
}

#[test]
fn packed_swaps_are_the_same_swaps_each_in_the_stripe_of_its_row() {
    let plain = work(&target(), rows(), &RECIPE, None).unwrap();
    let form = Form::Packed { undo: true, stripes: 3 };
    let mut work = work(&target(), rows(), &Recipe { form, ..RECIPE }, None).unwrap();
    assert_eq!((work.counts, &work.opened), (plain.counts, &plain.opened));
    assert_eq!(work.broken.len(), plain.broken.len());
    let mut swaps = std::mem::take(&mut work.swaps);
    assert_eq!(swaps.len(), 16, "rows with a cell that stays and may be plaintext are not packed");
    for (stripe, parts) in work.packed.into_iter().enumerate() {
        assert!(packed::rows(&parts) > 0 && parts.iter().all(Packed::has_entries));
        let mut unpacked = packed::unpacked(parts);
        for PlannedSwap { swap, .. } in &unpacked {
            let Value::Int(id) = swap.key.0[0] else { panic!("another key") };
            assert_eq!(id as usize * 5 % 3, stripe, "row {id}");
        }
        swaps.append(&mut unpacked);
    }
    assert_eq!(written(swaps), written(plain.swaps));
}

#[test]
fn one_rule_says_which_cells_are_old() {
    let job = job(|_| {});
    let field = &job.tables[0].fields[0];
    for (seal, key, standing) in [
        (Some(0), Some("v2"), Standing::Current),
        (Some(0), Some("v1"), Standing::Old),
        (Some(1), Some("v2"), Standing::Old),
        (Some(0), None, Standing::Unknown),
        (None, None, Standing::Unknown),
    ] {
        assert_eq!(Standing::of(field, seal, key), standing, "{seal:?} {key:?}");
    }
}

#[test]
fn a_cell_in_quarantine_is_named_as_ledgers_name_it() {
    let cell = target().fields[0].cell_id(&RowKey(vec![Value::Int(7)]));
    assert_eq!(cell, "876b1bcaa7e2639e947beb76a3bec0ced0996a0fe63f9d942aa0f1a854215e51");
}
