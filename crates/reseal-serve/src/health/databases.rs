//! Whether the databases of the plans answer: each is probed by itself, so that one that hangs delays no other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reseal_store::Database;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::standing::Standing;
use crate::{Served, State};

/// How often it is looked what is due.
const LOOK: Duration = Duration::from_secs(1);

/// Probes the databases of all plans whose switch is on, until dropped.
pub(super) async fn keep_probing(state: Arc<State>) {
    let (mut watch, mut probes) = (DatabaseWatch::default(), JoinSet::new());
    loop {
        let now = Instant::now();
        watch.take_up(state.setup.plans.all(), now);
        for probe in watch.due(now) {
            probes.spawn(probe.run());
        }
        state.record_databases(watch.faults(now));
        tokio::select! {
            () = sleep(LOOK) => {}
            Some(ended) = probes.join_next(), if !probes.is_empty() => {
                if let Ok(ended) = ended {
                    watch.end(ended, Instant::now());
                }
            }
        }
    }
}

/// The database of each plan that is served, by the plan's place.
#[derive(Default)]
struct DatabaseWatch {
    plans: Vec<PlanDatabase>,
}

struct PlanDatabase {
    served: Arc<Served>,
    /// As it was reached last; `None` before that.
    database: Option<Database>,
    standing: Standing,
}

/// One probe.
struct Probe {
    place: usize,
    served: Arc<Served>,
    /// Where to ask; `None` where the plan's source has to be asked for that first.
    database: Option<Database>,
}

/// What came of it.
struct Ended {
    place: usize,
    served: Arc<Served>,
    database: Option<Database>,
    answer: Result<(), String>,
}

impl Probe {
    async fn run(self) -> Ended {
        let Probe { place, served, database } = self;
        let found = match database {
            Some(database) => Ok(database),
            None => find(&served).await,
        };
        let (database, answer) = match found {
            Ok(database) => {
                let answer = database.probe().await.map_err(|error| error.message);
                (Some(database), answer)
            }
            Err(why) => (None, Err(why)),
        };
        Ended { place, served, database, answer }
    }
}

async fn find(served: &Served) -> Result<Database, String> {
    let url = reseal_registry::database(&served.plan).await.map_err(|error| error.message)?;
    let database = Database::parse(&url).map_err(|error| error.message)?;
    Ok(database.allowing_plaintext(served.plan.allows_plaintext))
}

impl DatabaseWatch {
    /// Goes over to the plans as they are in force now.
    fn take_up(&mut self, plans: Vec<Arc<Served>>, now: Instant) {
        for (place, served) in plans.into_iter().enumerate() {
            let new = |served| PlanDatabase { served, database: None, standing: Standing::new(now) };
            match self.plans.get_mut(place) {
                None => self.plans.push(new(served)),
                Some(plan) if !Arc::ptr_eq(&plan.served, &served) => *plan = new(served),
                Some(_) => {}
            }
        }
    }

    /// The probes to begin now.
    fn due(&mut self, now: Instant) -> Vec<Probe> {
        let mut probes = Vec::new();
        for place in 0..self.plans.len() {
            if self.asked_for(place) != place {
                continue;
            }
            let plan = &mut self.plans[place];
            if !plan.served.on || !plan.standing.is_due(now) {
                continue;
            }
            // A database that is lost may be found elsewhere, or under another password, by now.
            let database = plan.database.clone().filter(|_| plan.standing.fault(now).is_none());
            plan.standing.asked(now);
            probes.push(Probe { place, served: plan.served.clone(), database });
        }
        probes
    }

    /// The plan that is probed for the one in a place: the first that is on and reaches its database in the same way.
    fn asked_for(&self, place: usize) -> usize {
        let Some(database) = &self.plans[place].database else { return place };
        let is_same = |plan: &PlanDatabase| {
            plan.served.on && plan.database.as_ref().is_some_and(|other| other.is_reached_as(database))
        };
        self.plans[..place].iter().position(is_same).unwrap_or(place)
    }

    fn end(&mut self, Ended { place, served, database, answer }: Ended, now: Instant) {
        // The plan may have been read again meanwhile.
        let plan = self.plans.get_mut(place).filter(|plan| Arc::ptr_eq(&plan.served, &served));
        if let Some(plan) = plan {
            plan.database = database.or(plan.database.take());
            plan.standing.answered(answer, now);
        }
    }

    /// The databases that are lost, each with the plans that it is the database of.
    fn faults(&self, now: Instant) -> Vec<String> {
        let mut faults = Vec::new();
        for (place, plan) in self.plans.iter().enumerate().filter(|(_, plan)| plan.served.on) {
            let Some(why) = plan.standing.fault(now).filter(|_| self.asked_for(place) == place) else {
                continue;
            };
            let with = self.plans.iter().enumerate();
            let with = with.filter(|(other, plan)| plan.served.on && self.asked_for(*other) == place);
            let names: Vec<&str> = with.map(|(_, plan)| plan.served.plan.name.as_str()).collect();
            let plans = if names.len() == 1 { "plan" } else { "plans" };
            faults.push(format!("the database of {plans} {}: {why}", names.join(", ")));
        }
        faults
    }
}
