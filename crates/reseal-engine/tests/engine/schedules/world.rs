//! The database of one schedule, the application that writes to it, and what must be true of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reseal_core::{RunState, Value};
use reseal_store::{Database, RowKey, RunRow, Session, ShardRow, StoreError};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Mutex;

use super::random::Random;
use crate::notes::{TABLE, sealed};

/// The plan's name.
const PLAN: &str = "notes";

pub(super) struct World {
    pub(super) database: Database,
    app: Mutex<App>,
    /// Looks on, and waits for locks.
    watch: Mutex<Session>,
    /// Counts what happens: each swap, and each save of the application.
    clock: AtomicU64,
}

/// A model of an application: what it saved last, and the connection that it saves with.
pub(super) struct App {
    session: Session,
    rows: BTreeMap<i64, Saved>,
}

/// What the application saved last in a row.
#[derive(Clone)]
pub(super) struct Saved {
    pub(super) text: String,
    /// When the application saved it; 0: before the first run.
    pub(super) at: u64,
    /// Whether it was sealed under the new key.
    pub(super) new_key: bool,
}

/// What the application does at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) enum Save {
    /// Writes the old text again under the old key, as a row that was loaded before the rotation.
    Stale(i64),
    /// Writes another text.
    Text { id: i64, new_key: bool },
    /// Takes a row away.
    Delete(i64),
}

/// A database with the application's table and an empty ledger: to migrate one takes longer than to copy it.
pub(super) struct Template(Session);

impl Template {
    /// One for each `player`.
    pub(super) async fn new(player: usize) -> Template {
        let database = Database::parse(&format!("sqlite:///template-{player}?vfs=memdb")).unwrap();
        let mut session = database.connect().await.unwrap();
        session.script(&[TABLE.to_owned()]).await.unwrap();
        session.migrate().await.unwrap();
        Template(session)
    }
}

impl World {
    /// A copy of the template in memory, shared by all connections that name it.
    pub(super) async fn new(
        template: &mut Template,
        seed: u64,
        rows: i64,
        random: &mut Random,
    ) -> Arc<World> {
        let database = Database::parse(&format!("sqlite:///schedule-{seed}?vfs=memdb")).unwrap();
        // It is there for as long as somebody is connected.
        let watch = database.connect().await.unwrap();
        template.0.script(&[format!("VACUUM INTO 'file:/schedule-{seed}?vfs=memdb'")]).await.unwrap();
        let mut session = database.connect().await.unwrap();
        // What is locked is told at once, and not after ten seconds: the moment is then another.
        session.script(&["PRAGMA busy_timeout = 0".to_owned()]).await.unwrap();
        let mut app = App { session, rows: BTreeMap::new() };
        for id in 1..=rows {
            let new_key = random.percent(10);
            let saved = Saved { text: format!("note {id}"), at: 0, new_key };
            app.write(id * 10, saved).await.unwrap();
        }
        Arc::new(World { database, app: Mutex::new(app), watch: Mutex::new(watch), clock: AtomicU64::new(1) })
    }

    pub(super) fn tick(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets the application save; false where the database is locked at the moment.
    pub(super) async fn save(&self, save: Save) -> bool {
        let at = self.tick();
        let mut app = self.app.lock().await;
        let row = |id: i64, app: &App| app.rows.get(&id).cloned();
        let done = match save {
            Save::Stale(id) => match row(id, &app) {
                Some(saved) => app.write(id, Saved { at, new_key: false, ..saved }).await,
                None => Ok(()),
            },
            Save::Text { id, new_key } => {
                app.write(id, Saved { text: format!("saved at {at}"), at, new_key }).await
            }
            Save::Delete(id) => app.delete(id).await,
        };
        done.is_ok()
    }

    /// Whether nobody reads or writes at the moment: who reads a snapshot lets others begin to write here, but not commit.
    pub(super) async fn is_quiet(&self) -> bool {
        let write = "PRAGMA user_version = 1".to_owned();
        self.app.lock().await.session.script(&[write]).await.is_ok()
    }

    /// Lets the leases of all runs end.
    pub(super) async fn outlive_lease(&self) {
        let over = "UPDATE reseal_run SET lease_until = 0".to_owned();
        self.watch.lock().await.script(&[over]).await.unwrap();
    }

    /// The plan's newest run.
    pub(super) async fn run(&self) -> Option<RunRow> {
        self.watch.lock().await.runs(Some(PLAN), 1).await.unwrap().pop()
    }

    /// What the ledger says of all runs and their shards, and all cells.
    pub(super) async fn picture(&self) -> Picture {
        let mut watch = self.watch.lock().await;
        let mut picture = Picture { ledger: Vec::new(), cells: cells(&mut watch).await };
        for run in watch.runs(Some(PLAN), 100).await.unwrap() {
            let shards = watch.shards(&run.id).await.unwrap();
            picture.ledger.push(format!("{} {} {} {shards:?}", run.id, run.state, run.epoch));
        }
        picture
    }

    /// The epoch of a run.
    pub(super) async fn epoch(&self, run: &str) -> i64 {
        self.watch.lock().await.run_by_id(run).await.unwrap().unwrap().epoch
    }

    /// All cells, each with what the application saved last in its row.
    async fn rows(&self) -> Vec<Found> {
        let cells = cells(&mut *self.watch.lock().await).await;
        let saved = self.app.lock().await.rows.clone();
        assert_eq!(cells.keys().collect::<Vec<_>>(), saved.keys().collect::<Vec<_>>(), "rows came or went");
        let found = |((id, cell), saved)| Found { id, cell, saved };
        cells.into_iter().zip(saved.into_values()).map(found).collect()
    }

    /// Each row opens to what the application saved last, under one of the two keys.
    pub(super) async fn check_cells(&self) {
        for Found { id, cell, saved } in self.rows().await {
            let is_under = |key: &str| cell == sealed(key, &saved.text);
            assert!(is_under("v1") || is_under("v2"), "row {id} holds {cell} for {}", saved.text);
        }
    }

    /// What lies before a checkpoint is under the new key, but for what the application saved since, and what the database
    /// refused to write and the run has listed.
    pub(super) async fn check_checkpoints(&self) {
        let runs = self.watch.lock().await.runs(Some(PLAN), 100).await.unwrap();
        // A rollback takes a run back that is not the newest, where that one moved nothing.
        let Some(run) = runs.first().filter(|_| !runs.iter().any(|run| went_back(run.state))) else { return };
        let shards = self.watch.lock().await.shards(&run.id).await.unwrap();
        let listed = self.watch.lock().await.quarantined(&run.id).await.unwrap();
        for Found { id, cell, saved } in self.rows().await {
            let promised = shards.iter().find(|shard| is_behind(shard, id));
            let is_listed = listed.iter().any(|cell| cell.row == RowKey(vec![Value::Int(id)]));
            let kept = promised.is_none() || cell.starts_with("v2") || saved.at > 0 || is_listed;
            assert!(kept, "row {id} was left behind: {promised:?}");
        }
    }

    /// A run that is complete has left nothing under the old key, but for what was saved after `swapped`, its last swap.
    pub(super) async fn check_complete(&self, swapped: u64) {
        for Found { id, cell, saved } in self.rows().await {
            assert!(
                cell.starts_with("v2") || saved.at > swapped,
                "row {id} was left behind by a complete run"
            );
        }
    }

    /// Once all runs that moved cells are rolled back, everything is under the old key, but for what the application had
    /// sealed under the new one.
    pub(super) async fn check_rolled_back(&self) {
        let runs = self.watch.lock().await.runs(Some(PLAN), 100).await.unwrap();
        if runs.iter().any(|run| run.counts.cells_rotated > 0 && run.state != RunState::RolledBack) {
            return;
        }
        for Found { id, cell, saved } in self.rows().await {
            assert!(cell.starts_with("v1") || saved.new_key, "row {id} was not put back");
        }
    }
}

/// A row as it is, and as the application saved it.
struct Found {
    id: i64,
    cell: String,
    saved: Saved,
}

async fn cells(session: &mut Session) -> BTreeMap<i64, String> {
    let found = session.look_up("SELECT id, text FROM note").await.unwrap();
    let text = |value: &Option<reseal_core::SecretBytes>| {
        String::from_utf8(value.as_ref().unwrap().expose().to_vec()).unwrap()
    };
    found.rows.iter().map(|row| (text(&row[0]).parse().unwrap(), text(&row[1]))).collect()
}

/// All runs with their shards, and all cells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    ledger: Vec<String>,
    cells: BTreeMap<i64, String>,
}

fn went_back(state: RunState) -> bool {
    matches!(state, RunState::RollingBack | RunState::RolledBack)
}

/// Whether a shard promises that this row is done.
fn is_behind(shard: &ShardRow, id: i64) -> bool {
    let number = |key: &Option<reseal_store::RowKey>| {
        key.as_ref()
            .map(|key| key.to_string().trim_matches(|c: char| !c.is_ascii_digit()).parse::<i64>().unwrap())
    };
    let end = if shard.done {
        number(&shard.upto).unwrap_or(i64::MAX)
    } else {
        number(&shard.checkpoint).unwrap_or(0)
    };
    number(&shard.after).is_none_or(|after| id > after) && id <= end
}

impl App {
    async fn write(&mut self, id: i64, saved: Saved) -> Result<(), StoreError> {
        let cell = sealed(if saved.new_key { "v2" } else { "v1" }, &saved.text);
        let upsert = format!(
            "INSERT INTO note VALUES ({id}, '{cell}') ON CONFLICT (id) DO UPDATE SET text = '{cell}'"
        );
        self.session.script(&[upsert]).await?;
        self.rows.insert(id, saved);
        Ok(())
    }

    async fn delete(&mut self, id: i64) -> Result<(), StoreError> {
        self.session.script(&[format!("DELETE FROM note WHERE id = {id}")]).await?;
        self.rows.remove(&id);
        Ok(())
    }
}

/// A runtime of one thread.
pub(super) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}
