//! What became of keys outside: backups, trials of them, archives.

use reseal_core::audit::EventKind;
use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError};
use sea_query::{Expr, ExprTrait, Order, Query};

use crate::ControlSession;

/// A copy of a key that was made or tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyCopy {
    /// The catalogue's entry for the key.
    pub entry: String,
    /// `backup`, `archive` or `restore-test`.
    pub kind: String,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: i64,
    /// Who.
    pub operator: String,
    /// The file.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
    /// What it came to.
    pub result: String,
}

impl ControlSession {
    /// Notes that a copy of a key was made or tried. The time of `copy` is not read: the server's clock gives it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_copy(&mut self, copy: &KeyCopy) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("catalogue_copy"))
            .columns(["id", "entry", "kind", "at", "operator", "file", "digest", "result"])
            .values_panic([
                uuid::Uuid::now_v7().to_string().into(),
                copy.entry.as_str().into(),
                copy.kind.as_str().into(),
                self.now(),
                copy.operator.as_str().into(),
                copy.file.as_str().into(),
                copy.digest.as_str().into(),
                copy.result.as_str().into(),
            ])
            .to_owned();
        let kind = match copy.kind.as_str() {
            "restore-test" => EventKind::RestoreTested,
            _ => EventKind::KeyBackedUp,
        };
        let event = self.key_event(kind, &copy.entry, &copy.operator).await?;
        let event = event.with("copy", copy.kind.as_str()).with("file", copy.file.as_str());
        let event = event.with("file_sha256", copy.digest.as_str()).with("result", copy.result.as_str());
        self.begin().await?;
        let done = match self.run(&insert).await {
            Ok(_) => self.record_inside(&event).await.map(|_| true),
            Err(error) => Err(error),
        };
        self.end(done).await.map(drop)
    }

    /// The copies of a key, newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn copies(&mut self, entry: &str) -> Result<Vec<KeyCopy>, StoreError> {
        let select = Query::select()
            .columns(["entry", "kind", "at", "operator", "file", "digest", "result"])
            .from(self.table("catalogue_copy"))
            .and_where(Expr::col("entry").eq(entry))
            .order_by("at", Order::Desc)
            .order_by("id", Order::Desc)
            .to_owned();
        let kinds = [Kind::Text, Kind::Text, Kind::Int, Kind::Text, Kind::Text, Kind::Text, Kind::Text];
        let rows = self.query(&select, &kinds).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                KeyCopy {
                    entry: take.text(),
                    kind: take.text(),
                    at: take.int(),
                    operator: take.text(),
                    file: take.text(),
                    digest: take.text(),
                    result: take.text(),
                }
            })
            .collect())
    }
}
