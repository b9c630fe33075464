//! What people are asked to agree to, and their signatures.

use reseal_store::sql::Taker;
use reseal_store::{DatabaseIdentity, Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Order, Query, SelectStatement};
use serde_json::{Map, Value};

use crate::{ControlSession, Who};

/// What people are asked to agree to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    /// The request's id, unique for ever.
    pub id: String,
    /// The plan.
    pub plan: String,
    /// `run`, `emergency`, `rollback`, `destroy` or `approvers`.
    pub kind: String,
    /// The plan's digest.
    pub digest: String,
    /// What is meant: the scope of a run, the run of a rollback, the key that is to be destroyed, the lines of the new file
    /// of approvers.
    pub scope: String,
    /// The fingerprints of the keys, as JSON.
    pub fingerprints: String,
    /// Who asked, as [`Who`] writes it; where an earlier version made the request, a name.
    pub operator: String,
    /// How many must agree.
    pub needed: u32,
    /// When it was asked for, in milliseconds since 1970.
    pub created_at: i64,
    /// When an agreement to it lapses, in milliseconds since 1970.
    pub expires_at: i64,
    /// When it was made use of.
    pub used_at: Option<i64>,
    /// Which database it is about, as [`DatabaseIdentity::encode`](reseal_store::DatabaseIdentity::encode) writes it;
    /// `None` where an earlier version made the request.
    pub target: Option<String>,
}

/// A key that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedKey {
    /// The key, as `keyset/id`.
    pub name: String,
    /// `primary` or `old`.
    pub role: String,
    /// The fingerprint that the catalogue has of it; empty where it has none.
    pub fingerprint: String,
}

impl ApprovalRequest {
    /// The keys, in the order of their names.
    #[must_use]
    pub fn keys(&self) -> Vec<AskedKey> {
        let keysets: Map<String, Value> = serde_json::from_str(&self.fingerprints).unwrap_or_default();
        let of_keyset = |(keyset, keys): (&String, &Value)| {
            let keys = keys.as_object().into_iter().flatten().map(|(id, key)| {
                let text = |name: &str| key[name].as_str().unwrap_or_default().to_owned();
                AskedKey {
                    name: format!("{keyset}/{id}"),
                    role: text("role"),
                    fingerprint: text("fingerprint"),
                }
            });
            keys.collect::<Vec<_>>()
        };
        keysets.iter().flat_map(of_keyset).collect()
    }

    /// The database; `None` where an earlier version made the request.
    #[must_use]
    pub fn database(&self) -> Option<DatabaseIdentity> {
        DatabaseIdentity::decode(self.target.as_deref()?)
    }

    /// Who asked; `None` where an earlier version made the request.
    #[must_use]
    pub fn asked_by(&self) -> Option<Who> {
        self.operator.parse().ok()
    }

    /// What it is narrowed to, as people read it.
    #[must_use]
    pub fn scope_for_people(&self) -> &str {
        if self.scope == "{}" { "the whole plan" } else { &self.scope }
    }
}

/// One agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who agreed, by the name in the file of approvers.
    pub approver: String,
    /// The signature, base64.
    pub signature: String,
    /// When, in milliseconds since 1970 by the server's clock.
    pub at: i64,
}

/// The columns of a request, without the database that it is about.
const COLUMNS: [(&str, Kind); 11] = [
    ("id", Kind::Text),
    ("plan", Kind::Text),
    ("kind", Kind::Text),
    ("digest", Kind::Text),
    ("scope", Kind::Text),
    ("fingerprints", Kind::Text),
    ("operator", Kind::Text),
    ("needed", Kind::Int),
    ("created_at", Kind::Int),
    ("expires_at", Kind::Int),
    ("used_at", Kind::Int),
];

impl ControlSession {
    /// Writes a request.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn request_approval(&mut self, request: &ApprovalRequest) -> Result<(), StoreError> {
        self.begin().await?;
        let written = self.insert_request(request).await.map(|()| true);
        self.end(written).await.map(drop)
    }

    async fn insert_request(&mut self, request: &ApprovalRequest) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("approval_request"))
            .columns(COLUMNS.map(|(name, _)| name))
            .values_panic([
                request.id.as_str().into(),
                request.plan.as_str().into(),
                request.kind.as_str().into(),
                request.digest.as_str().into(),
                request.scope.as_str().into(),
                request.fingerprints.as_str().into(),
                request.operator.as_str().into(),
                i64::from(request.needed).into(),
                request.created_at.into(),
                request.expires_at.into(),
                request.used_at.into(),
            ])
            .to_owned();
        self.run(&insert).await?;
        let Some(target) = &request.target else { return Ok(()) };
        let insert = Query::insert()
            .into_table(self.table("approval_target"))
            .columns(["request", "target"])
            .values_panic([request.id.as_str().into(), target.as_str().into()])
            .to_owned();
        self.run(&insert).await.map(drop)
    }

    /// Requests, read by [`ControlSession::read_requests`].
    fn select_requests(&self) -> SelectStatement {
        Query::select()
            .columns(COLUMNS.map(|(name, _)| name))
            .column("target")
            .from(self.table("approval_request"))
            .left_join(self.table("approval_target"), Expr::col("request").equals("id"))
            .to_owned()
    }

    async fn read_requests(&mut self, select: &SelectStatement) -> Result<Vec<ApprovalRequest>, StoreError> {
        let kinds: Vec<Kind> = COLUMNS.iter().map(|(_, kind)| *kind).chain([Kind::Text]).collect();
        Ok(self.query(select, &kinds).await?.into_iter().map(read).collect())
    }

    /// The request with this id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn approval_request(&mut self, id: &str) -> Result<Option<ApprovalRequest>, StoreError> {
        let select = self.select_requests().and_where(Expr::col("id").eq(id)).to_owned();
        Ok(self.read_requests(&select).await?.pop())
    }

    /// The request of a kind that was made use of for a run.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn approval_used_for(
        &mut self,
        kind: &str,
        used_for: &str,
    ) -> Result<Option<ApprovalRequest>, StoreError> {
        let select = self
            .select_requests()
            .and_where(Expr::col("kind").eq(kind))
            .and_where(Expr::col("used_for").eq(used_for))
            .to_owned();
        Ok(self.read_requests(&select).await?.pop())
    }

    /// The requests of a plan that were not made use of, newest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn approval_requests(&mut self, plan: &str) -> Result<Vec<ApprovalRequest>, StoreError> {
        let select = self
            .select_requests()
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("used_at").is_null())
            .order_by("created_at", Order::Desc)
            .order_by("id", Order::Desc)
            .to_owned();
        self.read_requests(&select).await
    }

    /// Notes that somebody agreed. False: this approver had agreed already.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn approve(
        &mut self,
        request: &str,
        approver: &str,
        signature: &str,
        replace: bool,
    ) -> Result<bool, StoreError> {
        if replace {
            // The same signature again changes nothing, and is told of.
            let delete = Query::delete()
                .from_table(self.table("approval"))
                .and_where(Expr::col("request").eq(request))
                .and_where(Expr::col("approver").eq(approver))
                .and_where(Expr::col("signature").ne(signature))
                .to_owned();
            self.run(&delete).await?;
        }
        let insert = Query::insert()
            .into_table(self.table("approval"))
            .columns(["request", "approver", "signature", "at"])
            .values_panic([request.into(), approver.into(), signature.into(), self.now()])
            .to_owned();
        match self.run(&insert).await {
            Ok(_) => Ok(true),
            Err(error) if error.trouble == Trouble::Constraint => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Who agreed to a request, in the order in which they did. Nothing of it is proved before it is verified.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn approvals(&mut self, request: &str) -> Result<Vec<Approval>, StoreError> {
        let select = Query::select()
            .columns(["approver", "signature", "at"])
            .from(self.table("approval"))
            .and_where(Expr::col("request").eq(request))
            .order_by("at", Order::Asc)
            .order_by("approver", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                Approval { approver: take.text(), signature: take.text(), at: take.int() }
            })
            .collect())
    }

    /// Makes use of a request, once. False: it was made use of already.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn use_approval(&mut self, request: &str, used_for: &str) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.table("approval_request"))
            .value("used_at", self.now())
            .value("used_for", used_for)
            .and_where(Expr::col("id").eq(request))
            .and_where(Expr::col("used_at").is_null())
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }
}

fn read(row: Vec<reseal_core::Value>) -> ApprovalRequest {
    let mut take = Taker::new(row);
    ApprovalRequest {
        id: take.text(),
        plan: take.text(),
        kind: take.text(),
        digest: take.text(),
        scope: take.text(),
        fingerprints: take.text(),
        operator: take.text(),
        needed: u32::try_from(take.int()).unwrap_or(u32::MAX),
        created_at: take.int(),
        expires_at: take.int(),
        used_at: take.optional_int(),
        target: take.optional_text(),
    }
}
