//! The outbox: letters to single recipients, from when their notice is posted until they were taken or refused.
//!
//! A letter's id is made from what it tells, to whom, and for which slot: posted twice, it is there once.

use reseal_store::sql::Taker;
use reseal_store::{Holder, Kind, StoreError};
use sea_query::{Expr, ExprTrait, Func, OnConflict, Order, Query, SelectStatement};

use crate::ControlSession;

/// A letter to be posted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewLetter {
    /// What no other letter has, and this one at every posting: up to 64 characters.
    pub id: String,
    /// The kind of notice.
    pub kind: String,
    /// The plan's name.
    pub plan: String,
    /// What the notice is about.
    pub subject: String,
    /// Which time.
    pub slot: String,
    /// The way, by its name in the plan.
    pub via: String,
    /// The address; `None` where the way leads to one place.
    pub address: Option<String>,
    /// The notice's fields, as JSON.
    pub fields: String,
    /// Whether it tells that something is over.
    pub resolved: bool,
    /// When it is posted, in milliseconds since 1970.
    pub posted_at: i64,
}

/// Where a letter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterState {
    /// It is to be sent.
    Waiting,
    /// The other side took it.
    Sent,
    /// Nobody will try it again: a dead letter.
    Dead,
}

impl LetterState {
    /// The state's name in the outbox and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            LetterState::Waiting => "waiting",
            LetterState::Sent => "sent",
            LetterState::Dead => "dead",
        }
    }
}

/// A letter as the outbox has it.
#[derive(Clone, Debug)]
pub struct LetterRow {
    /// What was posted.
    pub letter: NewLetter,
    /// Where it stands.
    pub state: LetterState,
    /// Attempts so far, the one under way included.
    pub attempts: i64,
    /// When it is to be tried next, in milliseconds since 1970.
    pub next_at: i64,
    /// What became of the last attempt, where it was not taken.
    pub reason: Option<String>,
    /// When it was taken or given up.
    pub done_at: Option<i64>,
    /// Who tries it.
    pub holder: Option<Holder>,
    /// How long the holder's word is good, by the server's clock, in milliseconds; negative once it is over.
    pub lease_left_ms: i64,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was taken.
    Sent,
    /// It is to be tried again at this time, for this reason.
    Later(i64, String),
    /// It is a dead letter, for this reason.
    Dead(String),
}

/// How many letters stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterCounts {
    /// To be sent.
    pub waiting: u64,
    /// Taken.
    pub sent: u64,
    /// Given up.
    pub dead: u64,
    /// When the oldest of those that wait was posted, in milliseconds since 1970.
    pub oldest_waiting: Option<i64>,
}

const COLUMNS: [(&str, Kind); 16] = [
    ("id", Kind::Text),
    ("kind", Kind::Text),
    ("plan", Kind::Text),
    ("subject", Kind::Text),
    ("slot", Kind::Text),
    ("via", Kind::Text),
    ("address", Kind::Text),
    ("fields", Kind::Text),
    ("resolved", Kind::Int),
    ("posted_at", Kind::Int),
    ("state", Kind::Text),
    ("attempts", Kind::Int),
    ("next_at", Kind::Int),
    ("reason", Kind::Text),
    ("done_at", Kind::Int),
    ("holder", Kind::Text),
];

impl ControlSession {
    /// Posts letters; those that are there already stay as they are. Inside an open transaction they are posted with
    /// it or not at all, which is how a letter goes with its cause.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn post_letters(&mut self, letters: &[NewLetter]) -> Result<(), StoreError> {
        for letters in letters.chunks(100) {
            let mut insert = Query::insert();
            insert.into_table(self.table("outbox")).columns([
                "id",
                "kind",
                "plan",
                "subject",
                "slot",
                "via",
                "address",
                "fields",
                "resolved",
                "posted_at",
                "state",
                "attempts",
                "next_at",
                "lease_until",
            ]);
            for letter in letters {
                insert.values_panic([
                    letter.id.as_str().into(),
                    letter.kind.as_str().into(),
                    letter.plan.as_str().into(),
                    letter.subject.as_str().into(),
                    letter.slot.as_str().into(),
                    letter.via.as_str().into(),
                    letter.address.clone().into(),
                    letter.fields.as_str().into(),
                    i64::from(letter.resolved).into(),
                    letter.posted_at.into(),
                    LetterState::Waiting.name().into(),
                    0i64.into(),
                    letter.posted_at.into(),
                    0i64.into(),
                ]);
            }
            insert.on_conflict(OnConflict::column("id").do_nothing_on(["id"]).to_owned());
            self.run(&insert).await?;
        }
        Ok(())
    }

    /// A plan's letters that are due, the longest due first. Some may be held by another.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn due_letters(
        &mut self,
        plan: &str,
        now: i64,
        most: u64,
    ) -> Result<Vec<LetterRow>, StoreError> {
        let mut select = self.select_letters();
        select
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("state").eq(LetterState::Waiting.name()))
            .and_where(Expr::col("next_at").lte(now))
            .order_by("next_at", Order::Asc)
            .order_by("id", Order::Asc)
            .limit(most);
        self.fetch_letters(&select).await
    }

    /// A plan's letters in a state, the newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn letters(
        &mut self,
        plan: &str,
        state: LetterState,
        most: u64,
    ) -> Result<Vec<LetterRow>, StoreError> {
        let mut select = self.select_letters();
        select
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("state").eq(state.name()))
            .order_by("posted_at", Order::Desc)
            .order_by("id", Order::Asc)
            .limit(most);
        self.fetch_letters(&select).await
    }

    fn select_letters(&self) -> SelectStatement {
        let mut select = Query::select();
        select.columns(COLUMNS.map(|(name, _)| name));
        select.expr(Expr::col("lease_until").sub(self.now()));
        select.from(self.table("outbox"));
        select
    }

    async fn fetch_letters(&mut self, select: &SelectStatement) -> Result<Vec<LetterRow>, StoreError> {
        let mut kinds = COLUMNS.map(|(_, kind)| kind).to_vec();
        kinds.push(Kind::Int);
        Ok(self.query(select, &kinds).await?.into_iter().map(read).collect())
    }

    /// Takes a letter for one attempt, if nobody took it since it was read; true where it is ours now. The attempt
    /// counts from here, so that a process that dies of it does not try for ever.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn take_letter(
        &mut self,
        row: &LetterRow,
        holder: &Holder,
        lease_ms: i64,
    ) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.table("outbox"))
            .value("holder", holder.encode())
            .value("attempts", row.attempts + 1)
            .value("lease_until", self.now().add(lease_ms))
            .and_where(Expr::col("id").eq(row.letter.id.as_str()))
            .and_where(Expr::col("state").eq(LetterState::Waiting.name()))
            .and_where(Expr::col("attempts").eq(row.attempts))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }

    /// Notes what became of the attempt with this number; false where another attempt was made meanwhile, whose
    /// word then counts.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn settle_letter(
        &mut self,
        id: &str,
        attempt: i64,
        settled: &Settled,
        now: i64,
    ) -> Result<bool, StoreError> {
        let mut update = Query::update();
        update
            .table(self.table("outbox"))
            .value("lease_until", 0i64)
            .value("holder", Expr::val(Option::<String>::None))
            .and_where(Expr::col("id").eq(id))
            .and_where(Expr::col("state").eq(LetterState::Waiting.name()))
            .and_where(Expr::col("attempts").eq(attempt));
        let (state, reason) = match settled {
            Settled::Sent => (LetterState::Sent, None),
            Settled::Later(at, reason) => {
                update.value("next_at", *at);
                (LetterState::Waiting, Some(reason.clone()))
            }
            Settled::Dead(reason) => (LetterState::Dead, Some(reason.clone())),
        };
        update.value("state", state.name()).value("reason", reason);
        if state != LetterState::Waiting {
            update.value("done_at", now);
        }
        Ok(self.run(&update).await? == 1)
    }

    /// Lets a plan's dead letters be tried again; gives how many there were.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn revive_letters(&mut self, plan: &str, now: i64) -> Result<u64, StoreError> {
        let update = Query::update()
            .table(self.table("outbox"))
            .value("state", LetterState::Waiting.name())
            .value("attempts", 0i64)
            .value("next_at", now)
            .value("done_at", Expr::val(Option::<i64>::None))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("state").eq(LetterState::Dead.name()))
            .to_owned();
        self.run(&update).await
    }

    /// Forgets letters of these kinds that were taken or given up, as `state` says, before a time; gives how many.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn prune_letters(
        &mut self,
        state: LetterState,
        kinds: &[&str],
        before: i64,
    ) -> Result<u64, StoreError> {
        let delete = Query::delete()
            .from_table(self.table("outbox"))
            .and_where(Expr::col("state").eq(state.name()))
            .and_where(Expr::col("kind").is_in(kinds.iter().copied()))
            .and_where(Expr::col("done_at").lt(before))
            .to_owned();
        self.run(&delete).await
    }

    /// How many letters stand where: of one plan, or of all.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn letter_counts(&mut self, plan: Option<&str>) -> Result<LetterCounts, StoreError> {
        let mut select = Query::select();
        select
            .column("state")
            .expr(Func::count(Expr::col("id")))
            .expr(Func::min(Expr::col("posted_at")))
            .from(self.table("outbox"))
            .group_by_col("state");
        if let Some(plan) = plan {
            select.and_where(Expr::col("plan").eq(plan));
        }
        let mut counts = LetterCounts::default();
        for row in self.query(&select, &[Kind::Text, Kind::Int, Kind::Int]).await? {
            let mut take = Taker::new(row);
            let (state, count) = (take.text(), take.count());
            match state.as_str() {
                "waiting" => {
                    counts.waiting = count;
                    counts.oldest_waiting = take.optional_int();
                }
                "sent" => counts.sent = count,
                _ => counts.dead = count,
            }
        }
        Ok(counts)
    }
}

fn read(row: Vec<reseal_core::Value>) -> LetterRow {
    let mut take = Taker::new(row);
    let letter = NewLetter {
        id: take.text(),
        kind: take.text(),
        plan: take.text(),
        subject: take.text(),
        slot: take.text(),
        via: take.text(),
        address: take.optional_text(),
        fields: take.text(),
        resolved: take.int() == 1,
        posted_at: take.int(),
    };
    let state = match take.text().as_str() {
        "sent" => LetterState::Sent,
        "dead" => LetterState::Dead,
        _ => LetterState::Waiting,
    };
    LetterRow {
        letter,
        state,
        attempts: take.int(),
        next_at: take.int(),
        reason: take.optional_text(),
        done_at: take.optional_int(),
        holder: take.optional_text().map(|text| Holder::decode(&text)),
        lease_left_ms: take.int(),
    }
}
