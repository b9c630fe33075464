//! Pages of a table whose rows grow: every row comes once, and no page is much larger than it may be.
//!
//! Wants `RESEAL_TEST_POSTGRES_URL` and `RESEAL_TEST_MYSQL_URL`, as `cargo xtask test` sets them.

#![allow(clippy::unwrap_used)]

mod common;

use reseal_core::Value;
use reseal_store::{Column, Database, KeyRange, Kind, RowKey, Session, Shape, TableName};

use common::Scratch;

const BOUND: usize = 64 << 10;
const SMALL: usize = 100;
const LARGE: usize = 20 << 10;
const ROWS: usize = 2000;

fn shape() -> Shape {
    let column = |name: &str, kind| Column { name: name.into(), kind, collation: None, foreign: None };
    Shape {
        table: TableName { schema: None, name: "grown".into() },
        key: vec![column("id", Kind::Int)],
        cells: vec![column("cell", Kind::Text)],
        context: vec![],
        keep: vec![],
        filter: None,
        only: None,
        read_back: false,
        watch: std::sync::Arc::default(),
    }
}

/// A thousand small rows, then large ones among them: two of a hundred, in a place of its own.
async fn fill(session: &mut Session) {
    let table = "CREATE TABLE grown (id BIGINT PRIMARY KEY, cell MEDIUMTEXT NOT NULL)";
    let table = match session.dialect() {
        reseal_store::Dialect::Mysql => table.to_owned(),
        _ => table.replace("MEDIUMTEXT", "TEXT"),
    };
    let row = |id: usize| {
        let size = if id >= ROWS / 2 && id % 100 < 2 { LARGE } else { SMALL };
        format!("({id}, '{}')", "x".repeat(size))
    };
    let insert = |first| {
        let rows: Vec<String> = (first..first + 100).map(row).collect();
        format!("INSERT INTO grown VALUES {}", rows.join(", "))
    };
    let inserts = (0..ROWS).step_by(100).map(insert);
    session.script(&std::iter::once(table).chain(inserts).collect::<Vec<_>>()).await.unwrap();
}

async fn every_row_comes_once_in_bounded_pages(store: &str) {
    let scratch = Scratch::new(store).await;
    let mut session = Database::parse(&scratch.url).unwrap().connect().await.unwrap();
    fill(&mut session).await;
    let mut shape = shape();
    shape.table = session.describe(&shape.table).await.unwrap().name;
    let (mut seen, mut cursor, mut pages) = (Vec::new(), None::<RowKey>, 0);
    loop {
        let range = KeyRange { after: cursor.as_ref(), upto: None };
        let page = session.page_as_sent(&shape, &range, 1000, BOUND).await.unwrap();
        let Some(last) = page.last().unwrap() else { break };
        assert!(page.bytes() <= BOUND + LARGE + 200, "a page of {} bytes", page.bytes());
        let rows = page.decode().unwrap();
        assert_eq!(rows.last(), Some(&last));
        seen.extend(rows.into_iter().map(|row| row.key));
        cursor = Some(last.key);
        pages += 1;
    }
    let all: Vec<RowKey> = (0..ROWS as i64).map(|id| RowKey(vec![Value::Int(id)])).collect();
    assert_eq!(seen, all);
    assert!(pages > 6, "{pages} pages");
    // A range begins anew: what was read before it, of this table or another, says nothing of its rows.
    let large = RowKey(vec![Value::Int(ROWS as i64 / 2 - 1)]);
    assert_eq!(session.page(&shape, Some(&large), None, 1, BOUND).await.unwrap().len(), 1);
    assert_eq!(session.page(&shape, None, None, 200, BOUND).await.unwrap().len(), 200);
    // The connection is as good as new, wherever the last page left it.
    assert_eq!(session.count(&shape).await.unwrap(), ROWS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_once_in_bounded_pages_on_sqlite() {
    every_row_comes_once_in_bounded_pages("sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_once_in_bounded_pages_on_postgres() {
    every_row_comes_once_in_bounded_pages("postgres").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_comes_once_in_bounded_pages_on_mariadb() {
    every_row_comes_once_in_bounded_pages("mysql").await;
}
