//! The daemon: it claims what is due, and carries it out.
//!
//! Start with [`serve`] and `tick.rs`: a tick asks [`reseal_schedule::due`] for each job, and claims a slot in one
//! transaction with what it can do there (a reminder is posted in it). Work that takes longer is begun behind the claim
//! (`work.rs`), under a lease: when a daemon dies, another acquires it.
//!
//! A wake-up (`wake.rs`) brings a tick about when a job needs one.
//!
//! **Invariant:** no timer decides anything. A tick that comes late, twice or in another daemon at the same time does no
//! harm, since the database alone says what is settled. **API boundary:** rotations and scans run as processes of the
//! command `reseal`, so that neither their memory nor their crash is the daemon's.

mod ages;
mod clock;
mod command;
mod folders;
mod health;
mod http;
mod job_command;
mod key_times;
mod ledger;
mod metrics;
mod notices;
mod page;
mod plan_watch;
mod plans;
mod prune;
mod settle;
mod slot_notices;
mod state;
mod tick;
mod trail;
mod unclaimed;
mod wake;
mod work;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reseal_control::{ControlDatabase, ControlSession};
use reseal_core::backoff;
use reseal_engine::Stopper;
use reseal_store::{StoreError, Trouble};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

pub use clock::Clock;
pub use command::PLAN_ON_STDIN;
pub use notices::{LogNotices, Notices};
pub use plans::{PlanFiles, Plans, Served};
pub use prune::prune_slots;
pub use state::State;

use plan_watch::PlanWatch;
use wake::{WakeTimes, WakeUps};
use work::Worker;

/// The longest time between two ticks: by then the daemon notices a clock that stepped, a job that another daemon left, and
/// a wake-up that never came.
const LONGEST: Duration = Duration::from_secs(30);
const SECOND: Duration = Duration::from_secs(1);
/// The shortest, so that an error is no hot loop.
const SHORTEST: Duration = Duration::from_millis(50);
/// The longest wait between attempts to reach the control database.
const LONGEST_RETRY: Duration = Duration::from_secs(30);
const FIRST_RETRY: Duration = Duration::from_millis(200);

/// Where metrics and the status page are shown.
#[derive(Clone, Debug)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// The names by which it may be asked, beside addresses and `localhost`.
    pub names: Vec<String>,
}

/// What the daemon needs.
pub struct Setup {
    /// The plans.
    pub plans: Plans,
    /// Reads them again.
    pub files: Arc<dyn PlanFiles>,
    /// The control database.
    pub control: ControlDatabase,
    /// The clock.
    pub clock: Clock,
    /// The program that carries out runs and scans: `reseal` itself.
    pub program: PathBuf,
    /// Arguments for every command of it.
    pub arguments: Vec<String>,
    /// Where notices go.
    pub notices: Arc<dyn Notices>,
    /// Where metrics and the status page are shown, if anywhere.
    pub listen: Option<Listen>,
}

/// Why the daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The control database refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signal that asks to read plans again cannot be waited for.
    #[error("cannot listen for SIGHUP: {0}")]
    Signal(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

/// Serves until `stop` is asked for. Commands under way then are stopped, and their work is put back for the next daemon.
///
/// # Errors
/// When it cannot begin. Later troubles are logged, counted, and tried again.
pub async fn serve(setup: Setup, stop: &Stopper) -> Result<(), ServeError> {
    let reload =
        signal(SignalKind::hangup()).map_err(|error| ServeError::Signal(error.kind().to_string()))?;
    let mut control = setup.control.connect().await?;
    control.migrate().await?;
    let listen = setup.listen.clone();
    let state = Arc::new(State::new(setup));
    let http = match listen {
        Some(listen) => Some(http::listen(listen, state.clone()).await?),
        None => None,
    };
    for served in state.setup.plans.all() {
        match served.on {
            true => folders::warn_unusable(&served),
            false => tracing::warn!(
                "the schedule of plan {} is disabled by its `enabled` setting",
                served.plan.name
            ),
        }
    }
    let mut daemon = Daemon::new(state, control);
    daemon.run(stop, reload).await;
    drop(http);
    Ok(())
}

/// What lasts from tick to tick.
struct Daemon {
    state: Arc<State>,
    control: Option<ControlSession>,
    work: JoinSet<()>,
    wake_ups: WakeUps,
    watch: PlanWatch,
    /// Whether plans are to be read again.
    is_stale: bool,
    /// Ticks in a row that the control database failed.
    failures: u32,
}

impl Daemon {
    fn new(state: Arc<State>, control: ControlSession) -> Daemon {
        let jobs = state.setup.plans.all().iter().map(|served| served.schedule.jobs.len()).sum();
        let wake_ups = WakeUps::new(state.setup.clock, jobs);
        let (control, watch) = (Some(control), PlanWatch::default());
        Daemon { state, control, work: JoinSet::new(), wake_ups, watch, is_stale: false, failures: 0 }
    }

    /// Ticks at each wake-up, when work ends, when `reload` asks for plans to be read again, and at the longest interval, until
    /// `stop` is asked for.
    async fn run(&mut self, stop: &Stopper, mut reload: Signal) {
        while stop.asked().is_none() {
            let pause = self.tick(stop).await;
            tokio::select! {
                () = tokio::time::sleep(pause.max(SHORTEST)) => {}
                () = self.wake_ups.woken() => {}
                () = stop.wait() => {}
                Some(()) = reload.recv() => self.is_stale = true,
                Some(_) = self.work.join_next(), if !self.work.is_empty() => {}
            }
        }
        self.wake_ups.stop().await;
        while self.work.join_next().await.is_some() {}
    }

    /// One tick; gives when the next one is due at the latest, wake-ups or not.
    async fn tick(&mut self, stop: &Stopper) -> Duration {
        match self.claim_and_begin(stop).await {
            Ok(wake_times) => {
                self.failures = 0;
                self.state.record_tick();
                self.wake_ups.arm(&wake_times).await;
                self.longest_pause(&wake_times)
            }
            Err(error) => {
                self.failures += 1;
                self.state.record_failure(&error.message);
                tracing::warn!("{error}; retrying");
                self.control = self.control.take().filter(|_| error.trouble == Trouble::Retry);
                backoff(self.failures, FIRST_RETRY, LONGEST_RETRY)
            }
        }
    }

    async fn claim_and_begin(&mut self, stop: &Stopper) -> Result<WakeTimes, StoreError> {
        let session = match &mut self.control {
            Some(session) => session,
            None => self.control.insert(self.state.setup.control.connect().await?),
        };
        if std::mem::take(&mut self.is_stale) {
            self.watch.reload(&self.state, session).await?;
        }
        self.watch.look(&self.state, session).await?;
        let ticked = match tick::tick(&self.state, session).await {
            Ok(ticked) => ticked,
            Err(error) => {
                let _ = session.rollback().await;
                return Err(error);
            }
        };
        for task in ticked.begun {
            self.work.spawn(Worker::new(self.state.clone(), task, stop.clone()).run());
        }
        Ok(ticked.wake_times)
    }

    /// [`LONGEST`], or what is left to an instant within the second: wake-ups come at whole seconds.
    fn longest_pause(&self, wake_times: &WakeTimes) -> Duration {
        let clock = self.state.setup.clock;
        let left = wake_times.first().map(|next| clock.until(next));
        left.filter(|left| *left < SECOND).unwrap_or(LONGEST).min(clock.real(LONGEST))
    }
}

#[cfg(test)]
mod tests;
