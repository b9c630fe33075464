//! Approvals: what people agree to is bound by their signatures to one plan, one set of keys, one scope and one time.
//!
//! Nothing that the control database says of an agreement is believed: what was signed is built anew from what is about
//! to be done, and each signature is held against the public keys in the file of approvers.

mod brought;
mod count;
mod keys;
mod set;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_control::{ApprovalRequest, ControlSession};
use reseal_core::audit::EventKind;
use reseal_plan::{Approvals, Plan};
use reseal_store::{Database, DatabaseIdentity};
use serde_json::{Map, Value, json};

use crate::catalogue::CatalogueEntry;
use crate::error::{ApprovalError, CustodyError, MissingApprovals};

pub use brought::{brought, of_run};
use count::count;
pub use keys::{Approver, approvers, generate, sign};

/// How long people have to agree, and what they agreed to may wait, in milliseconds.
const VALID_MS: i64 = 7 * 86_400_000;

/// What people agree to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A run.
    Run,
    /// An emergency run.
    Emergency,
    /// A rollback.
    Rollback,
    /// The destruction of a key.
    Destroy,
    /// Another set of approvers than before.
    Approvers,
}

impl Kind {
    /// What people agree to before a run.
    #[must_use]
    pub fn of_run(emergency: bool) -> Kind {
        if emergency { Kind::Emergency } else { Kind::Run }
    }

    /// The kind's name in a request.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Emergency => "emergency",
            Kind::Rollback => "rollback",
            Kind::Destroy => "destroy",
            Kind::Approvers => "approvers",
        }
    }

    /// What people agree to, as a sentence says it.
    fn said(self) -> &'static str {
        match self {
            Kind::Emergency => "emergency run",
            Kind::Destroy => "key destruction",
            Kind::Approvers => "change of approvers",
            Kind::Run | Kind::Rollback => self.name(),
        }
    }

    /// How many the policy asks for. A change of the approvers needs as many as the gravest of all other things.
    #[must_use]
    pub fn needed(self, approvals: &Approvals) -> u32 {
        match self {
            Kind::Approvers => {
                approvals.run.max(approvals.emergency).max(approvals.rollback).max(approvals.destroy)
            }
            Kind::Run => approvals.run,
            Kind::Emergency => approvals.emergency,
            Kind::Rollback => approvals.rollback,
            Kind::Destroy => approvals.destroy,
        }
    }
}

/// What somebody is about to do.
#[derive(Clone, Debug)]
pub struct Intent<'a> {
    /// What it is.
    pub kind: Kind,
    /// What it is narrowed to.
    pub scope: String,
    /// The keys.
    pub entries: &'a [CatalogueEntry],
}

/// What is about to be done, as people agree to it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    kind: Kind,
    /// The plan's digest.
    digest: String,
    scope: String,
    /// The keys by keyset and id: role and fingerprint.
    fingerprints: String,
    /// Which database it is done to, as [`DatabaseIdentity::encode`] writes it.
    target: String,
}

impl Facts {
    fn new(plan: &Plan, target: &DatabaseIdentity, intent: &Intent<'_>) -> Facts {
        let mut keysets: Map<String, Value> = Map::new();
        for entry in intent.entries {
            let role = if entry.primary { "primary" } else { "old" };
            let fingerprint = entry.row.as_ref().map(|row| row.fingerprint.clone());
            let keyset = keysets.entry(entry.keyset.clone()).or_insert_with(|| json!({}));
            keyset[&entry.key_id] = json!({ "role": role, "fingerprint": fingerprint });
        }
        let mut keysets = Value::Object(keysets);
        keysets.sort_all_objects();
        Facts {
            kind: intent.kind,
            digest: plan.digest.clone(),
            scope: intent.scope.clone(),
            fingerprints: keysets.to_string(),
            target: target.encode(),
        }
    }

    /// Whether a request is about this. One that an earlier version made names no database, and lapses within a week.
    fn are_of(&self, request: &ApprovalRequest) -> bool {
        if request.target.as_ref().is_some_and(|target| *target != self.target) {
            return false;
        }
        (self.kind.name(), &self.digest, &self.scope, &self.fingerprints)
            == (request.kind.as_str(), &request.digest, &request.scope, &request.fingerprints)
    }
}

/// What is signed: every part of a request, each on a line of its own and written as JSON, so that no part can run
/// over into the next.
#[must_use]
pub fn statement(request: &ApprovalRequest) -> Vec<u8> {
    let parts = [
        ("request", json!(request.id)),
        ("plan", json!(request.plan)),
        ("kind", json!(request.kind)),
        ("digest", json!(request.digest)),
        ("scope", json!(request.scope)),
        ("keys", json!(request.fingerprints)),
        ("operator", json!(request.operator)),
        ("asked", json!(request.created_at)),
        ("expires", json!(request.expires_at)),
    ];
    let target = request.target.as_ref().map(|target| ("database", json!(target)));
    // What an earlier version asked for is signed, and verified, as that version does it.
    let version = if target.is_some() { 2 } else { 1 };
    let parts = parts.into_iter().chain(target);
    let lines: Vec<String> = parts.map(|(name, value)| format!("{name} {value}\n")).collect();
    format!("reseal approval {version}\n{}", lines.concat()).into_bytes()
}

/// What enough people agreed to.
#[derive(Clone, Debug)]
pub struct Agreed {
    /// The request.
    pub request: String,
    /// Those whose agreement counts, with the keys that they signed with.
    pub approvers: Vec<Approver>,
    /// The keys by keyset and id: role and fingerprint, as JSON.
    pub fingerprints: String,
}

/// The request that enough people agreed to; `None` where nobody has to.
///
/// # Errors
/// When too few agreed yet: the error names the request, which is written first where there is none. Also when the file
/// of approvers cannot be trusted.
pub async fn agreed(
    control: &mut ControlSession,
    database: &Database,
    plan: &Plan,
    intent: &Intent<'_>,
    operator: &str,
) -> Result<Option<Agreed>, CustodyError> {
    let needed = intent.kind.needed(&plan.policy.approvals);
    if needed == 0 {
        return Ok(None);
    }
    let target = database.connect().await?.database_identity().await?;
    let facts = &Facts::new(plan, &target, intent);
    let now = control.now_ms().await?;
    let known = &set::agreed_set(control, plan, &target, now).await?;
    let of = format!("the approvers in {}", plan.policy.approvers_file());
    let question = Question { plan, facts, known, of, needed, now };
    let Answer { request, approvers } = answered(control, &question, operator).await?;
    Ok(Some(Agreed { request: request.id, approvers, fingerprints: request.fingerprints }))
}

/// What people are asked, and who may answer.
struct Question<'a> {
    plan: &'a Plan,
    facts: &'a Facts,
    known: &'a [Approver],
    /// Who they are, for people.
    of: String,
    needed: u32,
    now: i64,
}

/// What enough people agreed to, and who they are.
struct Answer {
    request: ApprovalRequest,
    approvers: Vec<Approver>,
}

/// The newest request about this to which enough agreed. Where there is none, the error names the newest one, which is written
/// first where nobody asked yet.
async fn answered(
    control: &mut ControlSession,
    question: &Question<'_>,
    operator: &str,
) -> Result<Answer, CustodyError> {
    let mut latest = None;
    for request in open_requests(control, question).await? {
        let (approvers, not_counted) =
            count(control, &request, question.known, question.needed, operator).await?;
        if approvers.len() >= question.needed as usize {
            return Ok(Answer { request, approvers });
        }
        latest.get_or_insert((request.id, approvers, not_counted));
    }
    let (request, valid, not_counted) = match latest {
        Some(pending) => pending,
        None => (ask(control, question).await?, Vec::new(), Vec::new()),
    };
    let missing = MissingApprovals {
        request,
        what: question.facts.kind.said(),
        needed: question.needed,
        valid: names(&valid),
        not_counted,
        approvers: question.of.clone(),
    };
    Err(ApprovalError::Needed(Box::new(missing)).into())
}

/// The requests about this that somebody can still make use of, the newest first.
async fn open_requests(
    control: &mut ControlSession,
    question: &Question<'_>,
) -> Result<Vec<ApprovalRequest>, CustodyError> {
    let mut open = Vec::new();
    for request in control.approval_requests(&question.plan.name).await? {
        let is_asked = question.facts.are_of(&request) && request.expires_at > question.now;
        if is_asked && !spent(control, &request).await? {
            open.push(request);
        }
    }
    Ok(open)
}

/// Whether the trail knows of something that was done by a request: that it was made use of is a word of the control database,
/// which somebody may have taken back there.
async fn spent(control: &mut ControlSession, request: &ApprovalRequest) -> Result<bool, CustodyError> {
    let began = [EventKind::RunStarted, EventKind::RollbackStarted, EventKind::ApproversAccepted];
    let events = control.events_since(&request.plan, &began, request.created_at).await?;
    Ok(events.iter().any(|entry| entry.event.text("approval") == Some(&request.id)))
}

/// Asks; gives the request's id.
async fn ask(control: &mut ControlSession, question: &Question<'_>) -> Result<String, CustodyError> {
    let Question { plan, facts, needed, now, .. } = *question;
    let request = ApprovalRequest {
        id: uuid::Uuid::now_v7().to_string(),
        plan: plan.name.clone(),
        kind: facts.kind.name().to_owned(),
        digest: facts.digest.clone(),
        scope: facts.scope.clone(),
        fingerprints: facts.fingerprints.clone(),
        operator: control.who().to_string(),
        needed,
        created_at: now,
        expires_at: now + VALID_MS,
        used_at: None,
        target: Some(facts.target.clone()),
    };
    control.request_approval(&request).await?;
    Ok(request.id)
}

fn names(approvers: &[Approver]) -> Vec<String> {
    approvers.iter().map(|approver| approver.name.clone()).collect()
}

/// The request with this id.
///
/// # Errors
/// When there is no such request, or the control database refuses.
pub async fn request(control: &mut ControlSession, id: &str) -> Result<ApprovalRequest, CustodyError> {
    let request = control.approval_request(id).await?;
    Ok(request.ok_or_else(|| ApprovalError::NoSuchRequest { request: id.to_owned() })?)
}

/// Agrees to a request, with the key in a file. Gives the approver.
///
/// # Errors
/// When the request lapsed or was made use of, the key cannot be read, or its owner agreed already.
pub async fn approve(
    control: &mut ControlSession,
    request: &ApprovalRequest,
    key: &std::path::Path,
    plan: Option<&Plan>,
) -> Result<Approver, CustodyError> {
    let id = &request.id;
    let now = control.now_ms().await?;
    if request.used_at.is_some() {
        return Err(ApprovalError::Used { request: id.clone() }.into());
    }
    if request.expires_at <= now {
        return Err(ApprovalError::Lapsed { request: id.clone() }.into());
    }
    let who = control.who();
    if request.needed >= 2 && request.asked_by().is_some_and(|asker| asker.is_same_person(who)) {
        return Err(ApprovalError::Own { request: id.clone(), who: who.to_string() }.into());
    }
    let (approver, signature) = sign(key, &statement(request))?;
    known_as(control, request, plan, &approver).await?;
    let signature = STANDARD.encode(signature);
    if !control.approve(id, &approver.name, &signature, plan.is_some()).await? {
        let name = approver.name;
        let standing = control.approvals(id).await?.into_iter().find(|given| given.approver == name);
        let request = id.clone();
        return Err(match standing.is_some_and(|given| given.signature == signature) {
            true => ApprovalError::Already { name, request }.into(),
            false => ApprovalError::OtherSignature { request, name }.into(),
        });
    }
    Ok(approver)
}

/// Refuses a key that would not count: of somebody who is not in the set that the request's plan goes by.
async fn known_as(
    control: &mut ControlSession,
    request: &ApprovalRequest,
    plan: Option<&Plan>,
    approver: &Approver,
) -> Result<(), CustodyError> {
    let known = match plan {
        Some(plan) => Some(set::in_force(control, plan).await?),
        None => set::accepted(control, &request.plan).await?,
    };
    match known.is_none_or(|known| known.contains(approver)) {
        true => Ok(()),
        false => {
            let (plan, name) = (request.plan.clone(), approver.name.clone());
            Err(ApprovalError::Wrong { plan, name }.into())
        }
    }
}

/// Those whose agreement to a request counts by now, and why that of others does not.
///
/// # Errors
/// When the control database refuses, or the file of approvers cannot be trusted.
pub async fn standing(
    control: &mut ControlSession,
    plan: &Plan,
    request: &ApprovalRequest,
) -> Result<(Vec<String>, Vec<String>), CustodyError> {
    let known = set::in_force(control, plan).await?;
    let (valid, not_counted) = count(control, request, &known, request.needed, &request.operator).await?;
    Ok((names(&valid), not_counted))
}
