//! Plan files that change while they are served: an event in the trail and a notice. The plan as it was read stays in
//! force until the daemon is asked to read it again (SIGHUP), or starts again.

use std::collections::HashMap;
use std::sync::Arc;

use reseal_control::{ControlSession, host};
use reseal_core::audit::{Event, EventKind};
use reseal_core::{Notice, NoticeKind};
use reseal_custody::PlanVersion;
use reseal_store::StoreError;

use crate::{Served, State, folders};

/// What became of a plan's file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Change {
    /// It says something else than the plan in force.
    Waits,
    /// It says something else, and cannot be served.
    Broken(String),
    /// It was read again, and is in force.
    TakenUp,
    /// It was to be read again, and cannot be served: the plan stays as it was.
    Refused(String),
}

impl Change {
    fn name(&self) -> &'static str {
        match self {
            Change::Waits => "waits",
            Change::Broken(_) => "broken",
            Change::TakenUp => "in force",
            Change::Refused(_) => "refused",
        }
    }

    fn why(&self) -> Option<&str> {
        match self {
            Change::Broken(why) | Change::Refused(why) => Some(why),
            Change::Waits | Change::TakenUp => None,
        }
    }
}

/// What was seen last of each plan's file, by the plan's place.
#[derive(Default)]
pub(crate) struct PlanWatch {
    seen: HashMap<usize, Result<String, String>>,
}

impl PlanWatch {
    /// Looks at every file once.
    pub(crate) async fn look(
        &mut self,
        state: &State,
        control: &mut ControlSession,
    ) -> Result<(), StoreError> {
        for (place, served) in state.setup.plans.all().iter().enumerate().filter(|(_, served)| served.is_file)
        {
            let now = state.setup.files.text(&served.path);
            let is_known = match self.seen.get(&place) {
                Some(seen) => *seen == now,
                None => now.as_ref() == Ok(&served.text),
            };
            if is_known {
                continue;
            }
            if let Some(change) = change(state, served, &now) {
                tell(state, control, served, &change).await?;
            }
            self.seen.insert(place, now);
        }
        Ok(())
    }

    /// Reads the files again, and takes up what can be served. Where the control database refuses an event, the plan is in
    /// force all the same.
    pub(crate) async fn reload(
        &mut self,
        state: &State,
        control: &mut ControlSession,
    ) -> Result<(), StoreError> {
        let mut told = Ok(());
        for (place, served) in state.setup.plans.all().iter().enumerate().filter(|(_, served)| served.is_file)
        {
            let now = state.setup.files.text(&served.path);
            if now.as_ref() == Ok(&served.text) {
                tracing::info!(plan = %served.plan.name, "the plan file has not changed");
                self.seen.remove(&place);
                continue;
            }
            let change = match read(state, served) {
                Ok(new) => {
                    folders::warn_unusable(&new);
                    state.setup.plans.replace(place, new);
                    Change::TakenUp
                }
                Err(why) => Change::Refused(why),
            };
            let served = state.setup.plans.at(place).unwrap_or_else(|| served.clone());
            told = told.and(tell(state, control, &served, &change).await);
            self.seen.insert(place, now);
        }
        told
    }
}

/// What a file that differs comes to; `None` where it says the same in other words.
fn change(state: &State, served: &Arc<Served>, text: &Result<String, String>) -> Option<Change> {
    if text.as_ref() == Ok(&served.text) {
        return None;
    }
    match read(state, served) {
        Ok(new) if new.plan.full_digest == served.plan.full_digest => None,
        Ok(_) => Some(Change::Waits),
        Err(why) => Some(Change::Broken(why)),
    }
}

/// The plan as its file is now, if it can take the place of the one in force.
fn read(state: &State, served: &Served) -> Result<Served, String> {
    let new = state.setup.files.read(&served.path)?;
    match new.plan.name == served.plan.name {
        true => Ok(new),
        false => Err(format!("the plan is now named {}: restart `reseal serve` to use it", new.plan.name)),
    }
}

/// Records a change, and posts the notice of it, in one transaction.
async fn tell(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    change: &Change,
) -> Result<(), StoreError> {
    control.begin().await?;
    match tell_inside(state, control, served, change).await {
        Ok(()) => control.commit().await,
        Err(error) => {
            let _ = control.rollback().await;
            Err(error)
        }
    }
}

async fn tell_inside(
    state: &State,
    control: &mut ControlSession,
    served: &Served,
    change: &Change,
) -> Result<(), StoreError> {
    let (plan, file) = (&served.plan, served.path.display().to_string());
    tracing::warn!(plan = %plan.name, %file, why = change.why(), "the plan file has changed (state: {})", change.name());
    let event = Event::new(EventKind::PlanFileChanged, control.now_ms().await?, "schedule", &host());
    let event =
        event.of_plan(&plan.name, &plan.digest).with("file", file.as_str()).with("state", change.name());
    let event = event.with("in_force", plan.full_digest.as_str());
    let event = change.why().into_iter().fold(event, |event, why| event.with("reason", why));
    control.record_inside(&event).await?;
    if *change == Change::TakenUp {
        let said = PlanVersion { name: &plan.name, digest: &plan.digest, full_digest: &plan.full_digest };
        if let Some(event) = reseal_custody::plan_changed(control, said, "schedule").await? {
            control.record_inside(&event).await?;
        }
    }
    let slot = format!("{:.0} {}", state.setup.clock.now(), change.name());
    let notice = Notice::new(NoticeKind::PlanChanged, &plan.name, &file, &slot)
        .with("file", &file)
        .with("state", change.name())
        .with("in_force", &plan.full_digest)
        .with("host", host());
    let notice = change.why().into_iter().fold(notice, |notice, why| notice.with("reason", why));
    state.setup.notices.post(control, plan, &notice).await
}
