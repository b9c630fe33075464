//! The key catalogue: one row per key, moved from state to state by compare-and-set, each move noted.

use reseal_core::KeyState;
use reseal_core::audit::{Event, EventKind};
use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, InsertStatement, Order, Query, UpdateStatement};

use crate::ControlSession;
use crate::who::host;

/// A key as the catalogue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The entry's id, unique for ever.
    pub id: String,
    /// The plan.
    pub plan: String,
    /// The keyset.
    pub keyset: String,
    /// The key's id in the plan.
    pub key_id: String,
    /// Which of the keys that were known by this id: 0 for the first.
    pub generation: i64,
    /// How the fingerprint was made: `sha256` or `argon2id`.
    pub method: String,
    /// Its salt, hexadecimal.
    pub salt: String,
    /// The fingerprint, hexadecimal.
    pub fingerprint: String,
    /// Whether Reseal made it; else it was found in the plan, and may have been in use for long.
    pub generated: bool,
    /// Where the key stands.
    pub state: KeyState,
    /// When the catalogue first knew of it, in milliseconds since 1970 by the server's clock.
    pub created_at: i64,
    /// When it was made active; `None`: never, or before the catalogue knew of it.
    pub activated_at: Option<i64>,
    /// When it was retired.
    pub retired_at: Option<i64>,
    /// When it was destroyed.
    pub destroyed_at: Option<i64>,
    /// When it expires, as its source says.
    pub expires_at: Option<i64>,
}

/// A key that the catalogue does not know yet.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The entry's id.
    pub id: String,
    /// The plan.
    pub plan: String,
    /// The keyset.
    pub keyset: String,
    /// The key's id in the plan.
    pub key_id: String,
    /// Which of the keys that were known by this id.
    pub generation: i64,
    /// How the fingerprint was made.
    pub method: String,
    /// Its salt, hexadecimal.
    pub salt: String,
    /// The fingerprint, hexadecimal.
    pub fingerprint: String,
    /// Whether Reseal made it just now, so that it is in nobody's use yet.
    pub generated: bool,
}

/// A transition of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMove {
    /// The state that it left.
    pub from: KeyState,
    /// The state that it reached.
    pub to: KeyState,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: i64,
    /// Who.
    pub operator: String,
    /// Why.
    pub reason: String,
}

/// A transition to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewMove<'a> {
    /// The state that the key must be in.
    pub from: KeyState,
    /// The state that it is to reach.
    pub to: KeyState,
    /// Who moves it.
    pub operator: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Since when it seals, where it is made active.
    pub since: Since,
}

/// Since when a key seals, as somebody enters it.
#[derive(Clone, Copy, Debug)]
pub struct NewDate<'a> {
    /// Milliseconds since 1970.
    pub since: i64,
    /// Who enters it.
    pub operator: &'a str,
    /// Why.
    pub reason: &'a str,
}

/// Since when a key seals that is made active.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// By the server's clock, now.
    Now,
    /// Milliseconds since 1970.
    At(i64),
    /// Longer than anybody noted.
    Unknown,
}

const COLUMNS: [(&str, Kind); 15] = [
    ("id", Kind::Text),
    ("plan", Kind::Text),
    ("keyset", Kind::Text),
    ("key_id", Kind::Text),
    ("generation", Kind::Int),
    ("method", Kind::Text),
    ("salt", Kind::Text),
    ("fingerprint", Kind::Text),
    ("origin", Kind::Text),
    ("state", Kind::Text),
    ("created_at", Kind::Int),
    ("activated_at", Kind::Int),
    ("retired_at", Kind::Int),
    ("destroyed_at", Kind::Int),
    ("expires_at", Kind::Int),
];

/// The origin of a key that Reseal made.
const GENERATED: &str = "generated";

impl ControlSession {
    /// The keys of a plan, as they were first known.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn catalogued(&mut self, plan: &str) -> Result<Vec<KeyRow>, StoreError> {
        let select = Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .from(self.table("catalogue_key"))
            .and_where(Expr::col("plan").eq(plan))
            .order_by("created_at", Order::Asc)
            .order_by("id", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await?;
        rows.into_iter().map(read).collect()
    }

    /// Enters a key, in the state `created`. False: another process entered one under this id meanwhile.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn catalogue(&mut self, key: &NewKey) -> Result<bool, StoreError> {
        let insert = Query::insert()
            .into_table(self.table("catalogue_key"))
            .columns([
                "id",
                "plan",
                "keyset",
                "key_id",
                "generation",
                "method",
                "salt",
                "fingerprint",
                "origin",
                "state",
                "created_at",
            ])
            .values_panic([
                key.id.as_str().into(),
                key.plan.as_str().into(),
                key.keyset.as_str().into(),
                key.key_id.as_str().into(),
                key.generation.into(),
                key.method.as_str().into(),
                key.salt.as_str().into(),
                key.fingerprint.as_str().into(),
                if key.generated { GENERATED } else { "found" }.into(),
                KeyState::Created.name().into(),
                self.now(),
            ])
            .to_owned();
        match self.run(&insert).await {
            Ok(_) => Ok(true),
            Err(error) if error.trouble == Trouble::Constraint => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Moves a key from one state to another, if it is still in the first, and notes who did it and why, in one
    /// transaction. False: it was moved meanwhile.
    ///
    /// # Errors
    /// When the transition is not in the table, or the server refuses.
    pub async fn move_key(&mut self, entry: &str, step: &NewMove<'_>) -> Result<bool, StoreError> {
        let NewMove { from, to, operator, reason, .. } = *step;
        if !from.may_become(to) {
            return Err(StoreError::new(Trouble::Other, format!("a key in state {from} cannot become {to}")));
        }
        let (update, insert) = (self.state_update(entry, step), self.move_insert(entry, step));
        self.begin().await?;
        let outcome = async {
            if self.run(&update).await? == 0 {
                return Ok(false);
            }
            self.run(&insert).await?;
            let event = self.key_event(EventKind::KeyStateChanged, entry, operator).await?;
            let event = event.with("from", from.name()).with("to", to.name()).with("reason", reason);
            self.record_inside(&event).await.map(|_| true)
        };
        let done = outcome.await;
        self.end(done).await
    }

    /// The update that moves a key which is still in the first state.
    fn state_update(&self, entry: &str, step: &NewMove<'_>) -> UpdateStatement {
        let mut update = Query::update();
        update
            .table(self.table("catalogue_key"))
            .value("state", step.to.name())
            .and_where(Expr::col("id").eq(entry))
            .and_where(Expr::col("state").eq(step.from.name()));
        match step.to {
            KeyState::Created => drop(update.value("activated_at", Option::<i64>::None)),
            // A key that comes back has not become younger by that.
            KeyState::Active if step.from == KeyState::Rotating => {}
            KeyState::Active => drop(match step.since {
                Since::Now => update.value("activated_at", self.now()),
                Since::At(at) => update.value("activated_at", at),
                Since::Unknown => update.value("activated_at", Option::<i64>::None),
            }),
            KeyState::Rotating => {}
            KeyState::Retired => drop(update.value("retired_at", self.now())),
            KeyState::Destroyed => drop(update.value("destroyed_at", self.now())),
        }
        update
    }

    /// The insert that notes a move.
    fn move_insert(&self, entry: &str, step: &NewMove<'_>) -> InsertStatement {
        Query::insert()
            .into_table(self.table("catalogue_move"))
            .columns(["id", "entry", "from_state", "to_state", "at", "operator", "reason"])
            .values_panic([
                uuid::Uuid::now_v7().to_string().into(),
                entry.into(),
                step.from.name().into(),
                step.to.name().into(),
                self.now(),
                step.operator.into(),
                step.reason.into(),
            ])
            .to_owned()
    }

    /// An event about a key of the catalogue.
    pub(crate) async fn key_event(
        &mut self,
        kind: EventKind,
        entry: &str,
        operator: &str,
    ) -> Result<Event, StoreError> {
        let select = Query::select()
            .columns(["plan", "keyset", "key_id", "method", "salt", "fingerprint"])
            .from(self.table("catalogue_key"))
            .and_where(Expr::col("id").eq(entry))
            .to_owned();
        let mut take = Taker::new(self.query(&select, &[Kind::Text; 6]).await?.pop().unwrap_or_default());
        let (plan, keyset, key) = (take.text(), take.text(), take.text());
        let digest = format!("{}:{}:{}", take.text(), take.text(), take.text());
        let event = Event::new(kind, self.now_ms().await?, operator, &host());
        Ok(event.of_plan(&plan, "").of_key(&keyset, &key, &digest))
    }

    /// Notes when a key expires, as its source has it, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_expiry(&mut self, entry: &str, at: i64) -> Result<(), StoreError> {
        let update = self.date_update(entry, "expires_at", at);
        self.run(&update).await.map(drop)
    }

    /// Enters since when a key seals, in place of what the catalogue had. The trail keeps both dates.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn date_key(&mut self, key: &KeyRow, date: &NewDate<'_>) -> Result<(), StoreError> {
        let update = self.date_update(&key.id, "activated_at", date.since);
        self.begin().await?;
        let outcome = async {
            self.run(&update).await?;
            let event = self.key_event(EventKind::KeyDated, &key.id, date.operator).await?;
            let event = match key.activated_at {
                Some(before) => event.with("before_ms", before),
                None => event.with("before_ms", "unknown"),
            };
            let event = event.with("after_ms", date.since).with("reason", date.reason);
            self.record_inside(&event).await.map(|_| true)
        };
        let done = outcome.await;
        self.end(done).await.map(drop)
    }

    fn date_update(&self, entry: &str, column: &'static str, at: i64) -> UpdateStatement {
        let table = self.table("catalogue_key");
        Query::update().table(table).value(column, at).and_where(Expr::col("id").eq(entry)).to_owned()
    }

    /// The transitions of a key, in the order in which they were.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn key_moves(&mut self, entry: &str) -> Result<Vec<KeyMove>, StoreError> {
        let select = Query::select()
            .columns(["from_state", "to_state", "at", "operator", "reason"])
            .from(self.table("catalogue_move"))
            .and_where(Expr::col("entry").eq(entry))
            .order_by("at", Order::Asc)
            .order_by("id", Order::Asc)
            .to_owned();
        let kinds = [Kind::Text, Kind::Text, Kind::Int, Kind::Text, Kind::Text];
        let rows = self.query(&select, &kinds).await?;
        rows.into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                let (from, to) = (state(&take.text())?, state(&take.text())?);
                Ok(KeyMove { from, to, at: take.int(), operator: take.text(), reason: take.text() })
            })
            .collect()
    }
}

fn state(name: &str) -> Result<KeyState, StoreError> {
    let unknown =
        || StoreError::new(Trouble::Other, format!("the catalogue contains an unknown key state: {name}"));
    KeyState::parse(name).ok_or_else(unknown)
}

fn read(row: Vec<reseal_core::Value>) -> Result<KeyRow, StoreError> {
    let mut take = Taker::new(row);
    Ok(KeyRow {
        id: take.text(),
        plan: take.text(),
        keyset: take.text(),
        key_id: take.text(),
        generation: take.int(),
        method: take.text(),
        salt: take.text(),
        fingerprint: take.text(),
        generated: take.text() == GENERATED,
        state: state(&take.text())?,
        created_at: take.int(),
        activated_at: take.optional_int(),
        retired_at: take.optional_int(),
        destroyed_at: take.optional_int(),
        expires_at: take.optional_int(),
    })
}
