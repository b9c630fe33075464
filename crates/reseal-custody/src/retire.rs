//! Giving a key up: retired once nothing that can be looked at still holds one of its cells, destroyed once it has been
//! kept for as long as the policy says.

mod found;
mod holds;
mod kept;
mod wipe;

use std::io::ErrorKind;
use std::sync::Arc;

use reseal_control::{ControlDatabase, ControlSession, KeyRow, NewDate, NewMove, Since, host};
use reseal_core::KeyState;
use reseal_core::audit::{Event, EventKind};
use reseal_core::quantity::{coarse, count, exact, millis};
use reseal_engine::{Job, Progress};
use reseal_plan::{Keep, Plan};
use reseal_store::Database;
use tracing::warn;

use found::Found;
use kept::Kept;
use wipe::{KeyFile, Wiped};

use crate::ages::age;
use crate::approvals::{self, Agreed, Intent, Kind};
use crate::catalogue;
use crate::error::{CustodyError, RetireError};
use crate::trail;

/// Everything that giving a key up has to look at.
pub struct Custodian<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The plan with its keys.
    pub job: &'a Arc<Job>,
    /// The database that is rotated.
    pub database: &'a Database,
    /// The control database.
    pub control: &'a ControlDatabase,
    /// Who does it.
    pub operator: &'a str,
}

/// A key as a command names it.
#[derive(Clone, Debug)]
pub struct Named {
    /// The keyset, where several have such a key.
    pub keyset: Option<String>,
    /// The key's id.
    pub key_id: String,
}

/// Why a key is given up, and what is accepted with it.
#[derive(Clone, Debug, Default)]
pub struct GivingUp {
    /// Why, for the catalogue and the trail.
    pub reason: Option<String>,
    /// How many cells may be left that open under no key, and may need it.
    pub accept_unreadable: u64,
}

impl GivingUp {
    /// The reason for the record, with the cells that were accepted.
    fn recorded(&self, otherwise: &str, unreadable: u64) -> String {
        let reason = self.reason.as_deref().unwrap_or(otherwise);
        match unreadable {
            0 => reason.to_owned(),
            cells => format!("{reason}; {} cells that do not open were accepted", count(cells)),
        }
    }
}

/// A key that was given up, and what is still to be known of it.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key_id: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// What was done where a destroyed key is kept.
    pub done: Vec<String>,
    /// What still holds a destroyed key, with what is to be done there.
    pub left: Vec<String>,
    /// What nobody looked at, what is not disabled, what is left to do.
    pub notes: Vec<String>,
}

impl Custodian<'_> {
    /// Retires a key.
    ///
    /// # Errors
    /// When it seals, a run may still need it, or anything that can be looked at still holds one of its cells: all of
    /// it is named.
    pub async fn retire(
        &self,
        named: &Named,
        how: &GivingUp,
        progress: &Progress,
    ) -> Result<GivenUp, CustodyError> {
        let mut control = self.control.connect().await?;
        let found = self.found(&mut control, named).await?;
        let row = &found.row;
        if !row.state.may_become(KeyState::Retired) {
            return Err(wrong_state(row, KeyState::Retired));
        }
        if found.primary {
            let (keyset, key) = (row.keyset.clone(), row.key_id.clone());
            return Err(RetireError::Primary { keyset, key }.into());
        }
        let unseen = self.holds_nothing(&mut control, &found, how.accept_unreadable, progress).await?;
        let why = how.recorded("no cells under this key", unseen.unreadable);
        self.move_to(&mut control, row, KeyState::Retired, &why).await?;
        let mut notes = unseen.places;
        notes.extend(self.unseen());
        notes.push(self.outside(&found));
        Ok(given_up(row, notes))
    }

    /// Destroys a retired key: for a key in a file of its own, that file, by all names that lead to it; whatever else holds it
    /// is told.
    ///
    /// # Errors
    /// When it is not retired, was not kept long enough, people have yet to agree, or anything holds its cells again.
    pub async fn destroy(
        &self,
        named: &Named,
        confirm: Option<&str>,
        how: &GivingUp,
        progress: &Progress,
    ) -> Result<GivenUp, CustodyError> {
        let mut control = self.control.connect().await?;
        let found = self.found(&mut control, named).await?;
        let row = &found.row;
        if !row.state.may_become(KeyState::Destroyed) {
            return Err(wrong_state(row, KeyState::Destroyed));
        }
        if confirm != Some(named.key_id.as_str()) {
            return Err(RetireError::Unconfirmed { key: named.key_id.clone() }.into());
        }
        let now = control.now_ms().await?;
        self.kept_long_enough(row, now)?;
        let unseen = self.holds_nothing(&mut control, &found, how.accept_unreadable, progress).await?;
        let entries = catalogue::find(&mut control, self.job).await?;
        let scope = format!("{}/{} {}", row.keyset, row.key_id, row.fingerprint);
        let intent = Intent { kind: Kind::Destroy, scope, entries: &entries };
        let agreed =
            approvals::agreed(&mut control, self.database, self.plan, &intent, self.operator).await?;
        if let Some(agreed) = &agreed
            && !control.use_approval(&agreed.request, &row.id).await?
        {
            return Err(catalogue::used_already(&agreed.request).into());
        }
        // The state first, since of two that try only one gets past it: a file that then stays is told of.
        let why = how.recorded("retention period over", unseen.unreadable);
        self.move_to(&mut control, row, KeyState::Destroyed, &why).await?;
        let mut wiped = self.delete(&found);
        for copy in control.copies(&row.id).await?.iter().filter(|copy| copy.kind != "restore-test") {
            wiped.left.push(format!("the {} {} still contains it: delete that file", copy.kind, copy.file));
        }
        self.record_destroyed(&mut control, row, agreed.as_ref(), &wiped).await;
        let mut notes = wiped.notes;
        notes.extend(unseen.places);
        notes.extend(self.take_out(&found));
        Ok(GivenUp { done: wiped.done, left: wiped.left, ..given_up(row, notes) })
    }

    /// Makes a key active by hand, or notes since when one seals that is.
    ///
    /// # Errors
    /// When a run is not over that may still move its cells, or the table of transitions refuses.
    pub async fn activate(
        &self,
        named: &Named,
        since: Option<i64>,
        reason: Option<&str>,
    ) -> Result<KeyRow, CustodyError> {
        let mut control = self.control.connect().await?;
        let row = self.row(&mut control, named).await?;
        self.no_run_goes_on().await?;
        let reason = reason.unwrap_or("set by an operator");
        if row.state == KeyState::Active {
            if let Some(since) = since {
                control.date_key(&row, &NewDate { since, operator: self.operator, reason }).await?;
            }
            return Ok(KeyRow { activated_at: since.or(row.activated_at), ..row });
        }
        if !row.state.may_become(KeyState::Active) {
            return Err(wrong_state(&row, KeyState::Active));
        }
        let step = NewMove {
            from: row.state,
            to: KeyState::Active,
            operator: self.operator,
            reason,
            since: since.map_or(Since::Now, Since::At),
        };
        if !control.move_key(&row.id, &step).await? {
            return Err(moved_meanwhile(&row));
        }
        if let Some(since) = since {
            control.date_key(&row, &NewDate { since, operator: self.operator, reason }).await?;
        }
        let rows = control.catalogued(&self.plan.name).await?;
        Ok(rows.into_iter().find(|other| other.id == row.id).unwrap_or(row))
    }

    async fn move_to(
        &self,
        control: &mut ControlSession,
        row: &KeyRow,
        to: KeyState,
        why: &str,
    ) -> Result<(), CustodyError> {
        let step = NewMove { from: row.state, to, operator: self.operator, reason: why, since: Since::Now };
        match control.move_key(&row.id, &step).await? {
            true => Ok(()),
            false => Err(moved_meanwhile(row)),
        }
    }

    fn kept_long_enough(&self, row: &KeyRow, now: i64) -> Result<(), CustodyError> {
        let key = row.key_id.clone();
        match age(&self.plan.policy, row, &[], now).destroyable_at {
            None => Err(RetireError::KeptForEver { key }.into()),
            Some(at) if at > now => {
                Err(RetireError::KeptLonger { key, left: coarse(millis(at - now)) }.into())
            }
            Some(_) => Ok(()),
        }
    }

    /// What no scan of tables can cover.
    fn unseen(&self) -> Vec<String> {
        let kept = match self.plan.policy.keep_retired {
            Some(Keep::Forever) => "the policy keeps the key forever".to_owned(),
            Some(Keep::For(kept)) => {
                format!("the policy keeps the key for {}, and no backup may be older than that", exact(kept))
            }
            None => "the policy sets no retention period (`keep_retired`)".to_owned(),
        };
        vec![
            "not checked: lagging replicas, and the application's caches, files and queues".to_owned(),
            "not checked: row images in WAL and binlog, dead tuples and free pages of the tables".to_owned(),
            format!("backups still contain its cells; {kept}"),
        ]
    }

    /// Where the key is kept, and that nothing is disabled there.
    fn outside(&self, found: &Found) -> String {
        let kept: Vec<String> = self.kept(found).iter().map(Kept::has).collect();
        let what = match kept.is_empty() {
            true => "its source, if any, still provides it".to_owned(),
            false => kept.join(", "),
        };
        format!(
            "nothing was disabled outside Reseal: {what}, and anyone with access to it can still seal with it"
        )
    }

    /// Deletes the key where it lies in a file of its own; else says what is to be done where it is kept.
    fn delete(&self, found: &Found) -> Wiped {
        let kept = self.kept(found);
        let mut wiped = Wiped::default();
        if kept.is_empty() {
            let gone = "no source of the plan provides it any more: delete it wherever else it is stored";
            wiped.left.push(gone.to_owned());
        }
        for place in kept {
            match place {
                Kept::File(path) => wiped.add(self.delete_file(found, &path)),
                Kept::Elsewhere(keeper) => wiped.left.push(format!("{}: {}", keeper.has, keeper.to_do)),
            }
        }
        wiped
    }

    fn delete_file(&self, found: &Found, path: &str) -> Wiped {
        let left = |left: String| Wiped { left: vec![left], ..Wiped::default() };
        let file = match KeyFile::find(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Wiped { notes: vec![format!("{path} no longer exists")], ..Wiped::default() };
            }
            Err(error) => {
                return left(format!("cannot read the file {path} ({}): delete it", error.kind()));
            }
        };
        let readers = self.other_readers(found, |other| file.is(other));
        match readers.is_empty() {
            true => file.wipe(),
            false => left(format!(
                "the file {path} still contains it: it was not deleted, because the plan also reads {} from it",
                readers.join(", ")
            )),
        }
    }

    /// Records what became of a key that is destroyed. It is done by then: a failure is a warning.
    async fn record_destroyed(
        &self,
        control: &mut ControlSession,
        row: &KeyRow,
        agreed: Option<&Agreed>,
        wiped: &Wiped,
    ) {
        let recorded = async {
            let now = control.now_ms().await?;
            let event = Event::new(EventKind::KeyDestroyed, now, self.operator, &host());
            let digest = format!("{}:{}:{}", row.method, row.salt, row.fingerprint);
            let event =
                event.of_plan(&self.plan.name, &self.plan.digest).of_key(&row.keyset, &row.key_id, &digest);
            let event = trail::agreed(event, agreed);
            let event = wiped.done.iter().fold(event, |event, done| event.with("done", done.as_str()));
            let event = wiped.left.iter().fold(event, |event, left| event.with("left", left.as_str()));
            control.record(&event).await
        };
        if let Err(error) = recorded.await {
            warn!("the destruction of {} is not in the audit trail: {error}", row.key_id);
        }
    }
}

fn given_up(row: &KeyRow, notes: Vec<String>) -> GivenUp {
    GivenUp {
        keyset: row.keyset.clone(),
        key_id: row.key_id.clone(),
        fingerprint: row.fingerprint.clone(),
        done: Vec::new(),
        left: Vec::new(),
        notes,
    }
}

fn wrong_state(row: &KeyRow, to: KeyState) -> CustodyError {
    let (keyset, key, state) = (row.keyset.clone(), row.key_id.clone(), row.state);
    RetireError::WrongState { keyset, key, state, to }.into()
}

fn moved_meanwhile(row: &KeyRow) -> CustodyError {
    RetireError::Moved { key: row.key_id.clone() }.into()
}
