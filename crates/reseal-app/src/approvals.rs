//! `approve`: agreeing to what a policy does not leave to one person.

use std::path::{Path, PathBuf};

use reseal_control::ApprovalRequest;
use reseal_core::audit::{Event, EventKind};
use reseal_custody::approvals::{self, Approver};
use reseal_plan::Plan;

use crate::caller::Caller;
use crate::{Failure, control, open, trail};

/// What is approved.
#[derive(Clone, Debug)]
pub struct ApproveRequest {
    /// The request's id.
    pub request: String,
    /// The file with the approver's secret key.
    pub key: PathBuf,
    /// The plan that must be the one that was asked about.
    pub plan: Option<PathBuf>,
}

/// A request that somebody approved.
#[derive(Clone, Debug)]
pub struct Approved {
    /// Who approved it, and with which key.
    pub approver: Approver,
    /// The request.
    pub request: ApprovalRequest,
}

/// What a request asks people to agree to. Nothing is signed.
///
/// # Errors
/// When there is no such request, or it is not about the plan as it is in `plan`.
pub async fn show(id: &str, plan: Option<&Path>) -> Result<ApprovalRequest, Failure> {
    let mut session = control::session().await?;
    let plan = plan.map(open::plan).transpose()?;
    let request = approvals::request(&mut session, id).await?;
    is_about(&request, plan.as_ref())?;
    Ok(request)
}

/// Refuses a request that is not about the plan that somebody holds against it.
fn is_about(request: &ApprovalRequest, plan: Option<&Plan>) -> Result<(), Failure> {
    let same = |plan: &Plan| (&request.plan, &request.digest) == (&plan.name, &plan.digest);
    if plan.is_none_or(same) {
        return Ok(());
    }
    let (id, name) = (&request.id, &request.plan);
    let message = format!("request {id} is for an earlier version of plan {name} or for another plan");
    Err(Failure::refused(
        "plan-changed",
        message,
        "compare the plan with the request, or have a new request made",
    ))
}

/// Approves a request.
///
/// # Errors
/// When there is no such request, it lapsed or is about another plan, or the key cannot be read or does not count.
pub async fn approve(caller: &Caller, asked: &ApproveRequest) -> Result<Approved, Failure> {
    let mut session = control::session().await?;
    let (id, plan) = (asked.request.as_str(), asked.plan.as_deref().map(open::plan).transpose()?);
    let request = match approvals::request(&mut session, id).await {
        Ok(request) => request,
        Err(error) => return Err(note_refused(caller, id, error.into()).await),
    };
    is_about(&request, plan.as_ref())?;
    match approvals::approve(&mut session, &request, &asked.key, plan.as_ref()).await {
        Ok(approver) => {
            note_given(caller, &request, &approver).await;
            Ok(Approved { approver, request })
        }
        Err(error) => Err(note_refused(caller, id, error.into()).await),
    }
}

async fn note_refused(caller: &Caller, id: &str, failure: Failure) -> Failure {
    let about = |event: Event| {
        let event = event.with("request", id).with("code", failure.code.as_str());
        event.with("message", failure.message.as_str())
    };
    trail::note(&caller.operator, EventKind::ApprovalRefused, about).await;
    failure
}

async fn note_given(caller: &Caller, request: &ApprovalRequest, approver: &Approver) {
    let about = |event: Event| {
        let event = event.of_plan(&request.plan, &request.digest).with("approver", approver.name.as_str());
        let event = event.with("approver_key", approver.key());
        let event = event.with("to", request.kind.as_str()).with("request", request.id.as_str());
        event.with("scope", request.scope.as_str())
    };
    trail::note(&caller.operator, EventKind::ApprovalGiven, about).await;
}

/// Makes the key pair of an approver, the secret key in a new file; gives the line for the file of approvers.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub fn keygen(name: &str, file: &Path) -> Result<String, Failure> {
    Ok(approvals::generate(name, file)?)
}

/// What waits for approval.
#[derive(Clone, Debug)]
pub struct PendingApprovals {
    /// The plan's name.
    pub plan: String,
    /// The requests.
    pub requests: Vec<PendingApproval>,
}

/// A request that waits for approval.
#[derive(Clone, Debug)]
pub struct PendingApproval {
    /// The request.
    pub request: ApprovalRequest,
    /// Those who approved it.
    pub approvers: Vec<String>,
    /// Why other approvals do not count.
    pub not_counted: Vec<String>,
}

/// Lists what waits for approval.
///
/// # Errors
/// When the plan or its file of approvers cannot be read, or the control database refuses.
pub async fn list(path: &Path) -> Result<PendingApprovals, Failure> {
    let plan = open::plan(path)?;
    let mut session = control::session().await?;
    let now = session.now_ms().await?;
    let mut requests = Vec::new();
    for request in session.approval_requests(&plan.name).await? {
        if request.expires_at > now {
            let (approvers, not_counted) = approvals::standing(&mut session, &plan, &request).await?;
            requests.push(PendingApproval { request, approvers, not_counted });
        }
    }
    Ok(PendingApprovals { plan: plan.name, requests })
}
