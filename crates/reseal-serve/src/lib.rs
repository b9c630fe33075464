//! The daemon: it looks at the clock, claims what is due, and carries it out.
//!
//! Start with [`serve`] and `tick.rs`: a tick asks [`reseal_schedule::due`] for each job, and claims a slot in one
//! transaction with what it can do there (a reminder is posted in it). Work that takes longer is begun behind the claim
//! (`work.rs`), under a lease: when a daemon dies, another takes it up.
//!
//! **Invariant:** no timer decides anything. A tick that comes late, twice or in another daemon at the same time does no
//! harm, since the database alone says what is settled. **API boundary:** rotations and scans run as processes of the
//! command `reseal`, so that neither their memory nor their crash is the daemon's.

mod ages;
mod clock;
mod command;
mod errand;
mod folders;
mod http;
mod metrics;
mod notices;
mod page;
mod state;
mod telling;
mod tick;
mod trail;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reseal_control::{ControlDatabase, ControlSession};
use reseal_engine::Stopper;
use reseal_plan::{Plan, ScheduleSpec};
use reseal_store::{StoreError, Trouble};
use tokio::task::JoinSet;

pub use clock::Clock;
pub use notices::{LogNotices, Notices};
pub use state::State;

use work::Worker;

/// The longest that the daemon sleeps: a clock that steps, or a job that another daemon left, is noticed by then.
const LONGEST: Duration = Duration::from_secs(30);
/// The shortest, so that an error is no hot loop.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest wait between attempts to reach the control database.
const RETRY: Duration = Duration::from_secs(30);

/// A plan that is served.
#[derive(Debug)]
pub struct Served {
    /// Where the plan lies: what commands are given.
    pub path: PathBuf,
    /// The plan.
    pub plan: Plan,
    /// Its schedule.
    pub schedule: ScheduleSpec,
    /// Whether the plan's switch is on.
    pub on: bool,
}

/// What the daemon needs.
pub struct Setup {
    /// The plans.
    pub plans: Vec<Served>,
    /// The control database.
    pub control: ControlDatabase,
    /// The clock.
    pub clock: Clock,
    /// The program that carries out runs and scans: `reseal` itself.
    pub program: PathBuf,
    /// Where notices go.
    pub notices: Arc<dyn Notices>,
    /// Where metrics and the status page are shown, if anywhere.
    pub listen: Option<SocketAddr>,
}

/// Why the daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The control database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// Serves until `stop` is asked for. What is in hand then is told to stop, and put back for the next daemon.
///
/// # Errors
/// When it cannot begin. Later troubles are logged, counted, and tried again.
pub async fn serve(setup: Setup, stop: &Stopper) -> Result<(), ServeError> {
    let mut control = setup.control.connect().await?;
    control.migrate().await?;
    let listen = setup.listen;
    let state = Arc::new(State::new(setup));
    let http = match listen {
        Some(address) => Some(http::listen(address, state.clone()).await?),
        None => None,
    };
    for served in state.setup.plans.iter().filter(|served| !served.on) {
        tracing::warn!("the schedule of plan {} is disabled by its switch", served.plan.name);
    }
    state.setup.plans.iter().filter(|served| served.on).for_each(folders::warn);
    let mut control = Some(control);
    let mut work = JoinSet::new();
    let mut failures = 0;
    while stop.asked().is_none() {
        let pause = match look(&state, &mut control, &mut work, stop).await {
            Ok(pause) => {
                failures = 0;
                pause
            }
            Err(error) => {
                failures += 1;
                state.failed(&error.message);
                tracing::warn!("the control database: {error}; trying again");
                control = control.filter(|_| error.trouble == Trouble::Retry);
                RETRY.min(Duration::from_millis(100) * 2u32.pow(failures.min(10)))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause.max(SHORTEST)) => {}
            () = stop.wait() => {}
            Some(_) = work.join_next(), if !work.is_empty() => {}
        }
    }
    while work.join_next().await.is_some() {}
    drop(http);
    Ok(())
}

/// One look at the clock; gives how long nothing will be due.
async fn look(
    state: &Arc<State>,
    control: &mut Option<ControlSession>,
    work: &mut JoinSet<()>,
    stop: &Stopper,
) -> Result<Duration, StoreError> {
    let session = match control {
        Some(session) => session,
        None => control.insert(state.setup.control.connect().await?),
    };
    let ticked = match tick::tick(state, session).await {
        Ok(ticked) => ticked,
        Err(error) => {
            let _ = session.rollback().await;
            return Err(error);
        }
    };
    for task in ticked.begun {
        work.spawn(Worker::new(state.clone(), task, stop.clone()).run());
    }
    state.ticked();
    let pause = ticked.next.map_or(LONGEST, |next| state.setup.clock.until(next));
    Ok(pause.min(state.setup.clock.real(LONGEST)))
}
