//! The audit trail: events that follow each other, in one chain, whoever appends them.

use std::time::{Duration, Instant};

use reseal_core::audit::{Checkpoint, Entry, Event, EventKind, Head, PublicKey, TrailHead, Unreadable};
use reseal_core::{Value, backoff};
use reseal_store::sql::signed;
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};

use crate::ControlSession;
use crate::strict::Strict;

/// For how long an event is tried again when others append, or the database is busy. One attempt may itself wait for a
/// lock, for as long as the database lets it.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long is waited before it is tried again, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// The columns of an event, in the order in which they are read.
const COLUMNS: [(&str, Kind); 11] = [
    ("sequence", Kind::Int),
    ("time_ms", Kind::Int),
    ("operator", Kind::Text),
    ("host", Kind::Text),
    ("kind", Kind::Text),
    ("plan", Kind::Text),
    ("plan_digest", Kind::Text),
    ("run_id", Kind::Text),
    ("fields", Kind::Text),
    ("fingerprints", Kind::Text),
    ("head", Kind::Text),
];

/// A row of the trail as it was found.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The number that it carries.
    pub sequence: i64,
    /// What it says, unless somebody wrote there what Reseal does not write.
    pub entry: Result<Entry, Unreadable>,
}

impl ControlSession {
    /// Appends an event to the trail, in a transaction of its own; gives where the trail ends then.
    ///
    /// # Errors
    /// When the server refuses, or stays busy.
    pub async fn record(&mut self, event: &Event) -> Result<TrailHead, StoreError> {
        let begun = Instant::now();
        let mut attempts = 0;
        loop {
            match self.record_alone(event).await {
                Err(error) if error.trouble == Trouble::Retry && begun.elapsed() < PATIENCE => {
                    attempts += 1;
                    tokio::time::sleep(backoff(attempts, PAUSES.0, PAUSES.1)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn record_alone(&mut self, event: &Event) -> Result<TrailHead, StoreError> {
        self.begin().await?;
        let outcome = match self.record_inside(event).await {
            Ok(head) => self.commit().await.map(|()| head),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            let _ = self.rollback().await;
        }
        outcome
    }

    /// Appends an event to the trail in the open transaction, so that it and its cause are there or neither is. Until
    /// that transaction ends, nobody else can append: record last, and commit at once.
    ///
    /// # Errors
    /// When the server refuses; nothing of the transaction must then be committed.
    pub async fn record_inside(&mut self, event: &Event) -> Result<TrailHead, StoreError> {
        let event = &self.who.stamp(event);
        let before = self.lock_tail().await?;
        let after = before.after(event);
        let insert = Query::insert()
            .into_table(self.table("audit_event"))
            .columns(COLUMNS.map(|(name, _)| name))
            .values_panic([
                signed(after.sequence).into(),
                event.time_ms.into(),
                event.operator.as_str().into(),
                event.host.as_str().into(),
                event.kind.name().into(),
                event.plan.as_str().into(),
                event.plan_digest.as_str().into(),
                event.run_id.as_str().into(),
                event.fields_json().into(),
                event.keys_json().into(),
                after.head.to_string().into(),
            ])
            .to_owned();
        self.run(&insert).await?;
        // The row is locked; the comparison guards against a database that locks less than it says.
        let update = Query::update()
            .table(self.table("audit_tail"))
            .value("sequence", signed(after.sequence))
            .value("head", after.head.to_string())
            .and_where(Expr::col("id").eq(1i64))
            .and_where(Expr::col("sequence").eq(signed(before.sequence)))
            .and_where(Expr::col("head").eq(before.head.to_string()))
            .to_owned();
        match self.run(&update).await? {
            1 => Ok(after),
            _ => Err(StoreError::new(Trouble::Retry, "another process appended to the audit trail")),
        }
    }

    /// Where the trail ends, as it says itself.
    ///
    /// # Errors
    /// When the server refuses, or the trail's own head was damaged.
    pub async fn trail_head(&mut self) -> Result<TrailHead, StoreError> {
        let select = self.tail_query();
        self.read_tail(&select).await
    }

    /// Keeps others from appending until the open transaction ends.
    pub(crate) async fn lock_tail(&mut self) -> Result<TrailHead, StoreError> {
        let mut tail = self.tail_query();
        self.read_tail(tail.lock_exclusive()).await
    }

    fn tail_query(&self) -> SelectStatement {
        Query::select()
            .columns(["sequence", "head"])
            .from(self.table("audit_tail"))
            .and_where(Expr::col("id").eq(1i64))
            .to_owned()
    }

    async fn read_tail(&mut self, select: &SelectStatement) -> Result<TrailHead, StoreError> {
        let row = self.query(select, &[Kind::Int, Kind::Text]).await?.pop().unwrap_or_default();
        let tail = match &row[..] {
            [Value::Int(sequence), Value::Text(head)] => u64::try_from(*sequence).ok().zip(Head::parse(head)),
            _ => None,
        };
        let damaged = || StoreError::new(Trouble::Other, "the head of the audit trail is damaged");
        tail.map(|(sequence, head)| TrailHead { sequence, head }).ok_or_else(damaged)
    }

    /// Up to `limit` events behind a number, in their order, as they are found.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn trail_after(&mut self, sequence: i64, limit: u64) -> Result<Vec<Recorded>, StoreError> {
        let mut select = Query::select();
        select
            .from(self.table("audit_event"))
            .and_where(Expr::col("sequence").gt(sequence))
            .order_by("sequence", Order::Asc)
            .limit(limit);
        let mut whole = select.clone();
        match self.query(whole.columns(COLUMNS.map(|(name, _)| name)), &COLUMNS.map(|(_, kind)| kind)).await {
            Ok(rows) => Ok(rows.into_iter().map(read).collect()),
            // A row that cannot be read at all keeps the others from being read with it.
            Err(error) if error.trouble == Trouble::Missing => {
                let numbers = self.query(select.column("sequence"), &[Kind::Int]).await?;
                let mut out = Vec::with_capacity(numbers.len());
                for number in numbers {
                    let Some(Value::Int(sequence)) = number.first() else { return Err(error) };
                    out.push(self.recorded(*sequence).await?);
                }
                Ok(out)
            }
            Err(error) => Err(error),
        }
    }

    async fn recorded(&mut self, sequence: i64) -> Result<Recorded, StoreError> {
        let select = Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .from(self.table("audit_event"))
            .and_where(Expr::col("sequence").eq(sequence))
            .to_owned();
        match self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await {
            Ok(mut rows) if rows.len() == 1 => Ok(read(rows.remove(0))),
            Ok(_) => Ok(Recorded { sequence, entry: Err(Unreadable("it is missing".into())) }),
            Err(error) if error.trouble == Trouble::Missing => {
                Ok(Recorded { sequence, entry: Err(Unreadable("a column does not contain text".into())) })
            }
            Err(error) => Err(error),
        }
    }

    /// The latest event of a kind that is about a plan.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn latest_event(
        &mut self,
        plan: &str,
        kinds: &[EventKind],
    ) -> Result<Option<Entry>, StoreError> {
        let select = Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .from(self.table("audit_event"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("kind").is_in(kinds.iter().map(|kind| kind.name())))
            .order_by("sequence", Order::Desc)
            .limit(1)
            .to_owned();
        let found = self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await?.pop();
        Ok(found.and_then(|row| read(row).entry.ok()))
    }

    /// A plan's events of these kinds from a time on, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn events_since(
        &mut self,
        plan: &str,
        kinds: &[EventKind],
        since: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let select = Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .from(self.table("audit_event"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("kind").is_in(kinds.iter().map(|kind| kind.name())))
            .and_where(Expr::col("time_ms").gte(since))
            .order_by("sequence", Order::Asc)
            .to_owned();
        let found = self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await?;
        Ok(found.into_iter().filter_map(|row| read(row).entry.ok()).collect())
    }

    /// A run's events of these kinds, in their order.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn events_of_run(
        &mut self,
        run_id: &str,
        kinds: &[EventKind],
    ) -> Result<Vec<Entry>, StoreError> {
        let select = Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .from(self.table("audit_event"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("kind").is_in(kinds.iter().map(|kind| kind.name())))
            .order_by("sequence", Order::Asc)
            .to_owned();
        let found = self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await?;
        Ok(found.into_iter().filter_map(|row| read(row).entry.ok()).collect())
    }

    /// Writes a signature over where the trail stood; one of the same key that is there already stays.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("audit_checkpoint"))
            .columns(["sequence", "public_key", "head", "time_ms", "signature"])
            .values_panic([
                signed(checkpoint.sequence).into(),
                checkpoint.key.to_string().into(),
                checkpoint.head.to_string().into(),
                checkpoint.time_ms.into(),
                checkpoint.signature.as_str().into(),
            ])
            .to_owned();
        match self.run(&insert).await {
            Err(error) if error.trouble == Trouble::Constraint => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// All checkpoints, by sequence. One that cannot be read comes back as the number that it carries.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn checkpoints(&mut self) -> Result<Vec<Result<Checkpoint, i64>>, StoreError> {
        let select = Query::select()
            .columns(["sequence", "public_key", "head", "time_ms", "signature"])
            .from(self.table("audit_checkpoint"))
            .order_by("sequence", Order::Asc)
            .to_owned();
        let kinds = [Kind::Int, Kind::Text, Kind::Text, Kind::Int, Kind::Text];
        let rows = self.query(&select, &kinds).await?;
        Ok(rows.into_iter().map(read_checkpoint).collect())
    }
}

/// Reads a row strictly: what is not of its type is an edit, and not an empty text.
fn read(row: Vec<Value>) -> Recorded {
    let sequence = match row.first() {
        Some(Value::Int(sequence)) => *sequence,
        _ => -1,
    };
    let entry = read_entry(&row).unwrap_or_else(|| Err(Unreadable("a column has an unexpected type".into())));
    Recorded { sequence, entry }
}

fn read_entry(row: &[Value]) -> Option<Result<Entry, Unreadable>> {
    let row = Strict(row);
    let (text, int) = (|at| row.text(at), |at| row.int(at));
    let sequence = u64::try_from(int(0)?).ok()?;
    let Some(kind) = EventKind::parse(text(4)?) else {
        return Some(Err(Unreadable("this version of Reseal does not know this kind of event".into())));
    };
    let mut event =
        Event::new(kind, int(1)?, text(2)?, text(3)?).of_plan(text(5)?, text(6)?).of_run(text(7)?);
    let (fields, keys) = (text(8)?, text(9)?);
    let lists = event.read_fields(fields).and_then(|()| event.read_keys(keys));
    let Some(head) = Head::parse(text(10)?) else {
        return Some(Err(Unreadable("its head is not 64 hexadecimal digits".into())));
    };
    Some(lists.map(|()| Entry { sequence, event, head }))
}

fn read_checkpoint(row: Vec<Value>) -> Result<Checkpoint, i64> {
    let sequence = match row.first() {
        Some(Value::Int(sequence)) => *sequence,
        _ => -1,
    };
    let checkpoint = match &row[..] {
        [_, Value::Text(key), Value::Text(head), Value::Int(time_ms), Value::Text(signature)] => {
            let whole = u64::try_from(sequence).ok().zip(PublicKey::parse(key)).zip(Head::parse(head));
            whole.map(|((sequence, key), head)| Checkpoint {
                sequence,
                head,
                time_ms: *time_ms,
                key,
                signature: signature.clone(),
            })
        }
        _ => None,
    };
    checkpoint.ok_or(sequence)
}
