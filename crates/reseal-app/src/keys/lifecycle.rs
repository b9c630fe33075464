//! `keys activate`, `retire` and `destroy`.

use std::path::PathBuf;
use std::sync::Arc;

use reseal_control::KeyRow;
use reseal_custody::{GivenUp, GivingUp, Named};
use reseal_engine::Progress;

use super::custodian;
use crate::caller::Caller;
use crate::{Failure, control, open, trail};

/// A key of a plan, and why something is done with it.
#[derive(Clone, Debug)]
pub struct KeyRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The key.
    pub key: Named,
    /// Why, for the record.
    pub reason: Option<String>,
    /// How many cells may be left that open under no key, where it is given up.
    pub accept_unreadable: u64,
}

impl KeyRequest {
    fn giving_up(&self) -> GivingUp {
        GivingUp { reason: self.reason.clone(), accept_unreadable: self.accept_unreadable }
    }
}

/// A key that is marked as active.
#[derive(Clone, Debug)]
pub struct ActivateRequest {
    /// The key.
    pub key: KeyRequest,
    /// Since when it seals, in milliseconds since 1970; none for from now on.
    pub since: Option<i64>,
}

/// Marks a key as active by hand.
///
/// # Errors
/// When the plan or its keys cannot be read, or the key may not be activated.
pub async fn activate(caller: &Caller, request: &ActivateRequest) -> Result<KeyRow, Failure> {
    let KeyRequest { plan, key, reason, .. } = &request.key;
    let opened = open::job_to_look(plan).await?;
    let control = control::database()?;
    let custodian = custodian(&opened, &control, caller);
    let row = custodian.activate(key, request.since, reason.as_deref()).await?;
    trail::sign().await;
    Ok(row)
}

/// Retires a key that holds no cell any more.
///
/// # Errors
/// When the plan or its keys cannot be read, or the key may not be retired.
pub async fn retire(caller: &Caller, request: &KeyRequest) -> Result<GivenUp, Failure> {
    let opened = open::job_to_look(&request.plan).await?;
    let control = control::database()?;
    let progress = Arc::new(Progress::default());
    let shown = caller.frontend.show(&progress);
    let custodian = custodian(&opened, &control, caller);
    let retired = custodian.retire(&request.key, &request.giving_up(), &progress).await;
    drop(shown);
    match retired {
        Ok(key) => {
            trail::sign().await;
            Ok(key)
        }
        Err(error) => Err(trail::refused(&caller.operator, "keys retire", &opened.plan, error.into()).await),
    }
}

/// A key that is destroyed.
#[derive(Clone, Debug)]
pub struct DestroyRequest {
    /// The key.
    pub key: KeyRequest,
    /// The key's id, as whoever asks typed it.
    pub confirm: Option<String>,
}

/// Destroys a retired key for ever.
///
/// # Errors
/// When it is not confirmed, the plan or its keys cannot be read, or the key may not be destroyed.
pub async fn destroy(caller: &Caller, request: &DestroyRequest) -> Result<GivenUp, Failure> {
    let KeyRequest { plan, key, .. } = &request.key;
    let opened = open::job_to_look(plan).await?;
    let control = control::database()?;
    let progress = Arc::new(Progress::default());
    let shown = caller.frontend.show(&progress);
    let custodian = custodian(&opened, &control, caller);
    let destroyed =
        custodian.destroy(key, request.confirm.as_deref(), &request.key.giving_up(), &progress).await;
    drop(shown);
    match destroyed {
        Ok(key) => {
            trail::sign().await;
            Ok(key)
        }
        Err(error) => Err(trail::refused(&caller.operator, "keys destroy", &opened.plan, error.into()).await),
    }
}
