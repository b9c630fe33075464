//! Who holds a run: a lease by the server's clock, renewed while the engine lives.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reseal_store::{Database, Holder, Process, Renewed, Request, RunLease, RunRow, Session, StoreError};
use tokio::task::JoinHandle;

use crate::rotate::pace::Pacer;
use crate::stop::{Stop, Stopper};

/// How long a holder's word is good without another.
pub(crate) const LEASE_MS: i64 = 20_000;
const RENEW: Duration = Duration::from_secs(1);

/// This process, as the ledger names it.
#[must_use]
pub fn holder() -> Holder {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let pid = std::process::id();
    let started = start_time(pid).unwrap_or_default();
    Holder { host: host.trim().to_owned(), process: Some(Process { pid, boot: boot(), started }) }
}

/// Boot and pid namespace: within them a process number and start time name one process.
fn boot() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let namespace = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    format!("{} {}", boot.trim(), namespace.display())
}

/// When a process started that still runs, in clock ticks since boot.
fn start_time(pid: u32) -> Option<String> {
    started(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The start time in a line of `/proc/PID/stat` (proc(5), field 22). None for a zombie or a dead process (field 3): it
/// waits for its parent to ask how it ended, which the first process of a container may never do, and runs no more.
fn started(stat: &str) -> Option<String> {
    // The second field is the program's name in parentheses and may hold anything.
    let (_, after) = stat.rsplit_once(')')?;
    let mut fields = after.split_whitespace();
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (!matches!(state, "Z" | "X" | "x")).then(|| started.to_owned())
}

/// Whether another engine holds the run now: its lease runs, and it is not known to be dead. A process of this very
/// machine that is gone is known to be dead; of others only the lease can tell. A wrong answer costs nothing but a
/// takeover: the epoch keeps the old engine from committing.
#[must_use]
pub fn is_held(run: &RunRow) -> bool {
    run.lease_left_ms > 0 && !is_dead(&run.holder)
}

/// Whether a holder is known to be gone: a process of this very machine that is no longer there.
#[must_use]
pub fn is_dead(holder: &Holder) -> bool {
    let mine = self::holder();
    let (Some(theirs), Some(process)) = (&holder.process, &mine.process) else { return false };
    if (&holder.host, &theirs.boot) != (&mine.host, &process.boot) || theirs.boot.trim().is_empty() {
        return false;
    }
    start_time(theirs.pid).is_none_or(|now| now != theirs.started)
}

/// Renews leases in the background, on a connection of its own, until dropped; passes on what operators ask for
/// and closes with the window.
pub(crate) struct Renewal {
    task: JoinHandle<()>,
    leases: Vec<RunLease>,
}

impl Renewal {
    pub(crate) fn start(
        database: Database,
        leases: Vec<RunLease>,
        pacer: Arc<Pacer>,
        until: Option<Timestamp>,
        stop: Stopper,
    ) -> Self {
        let renewed = leases.clone();
        let task = tokio::spawn(async move {
            let mut session = None;
            loop {
                tokio::time::sleep(RENEW).await;
                if until.is_some_and(|until| Timestamp::now() >= until) {
                    stop.ask(Stop::UntilReached);
                }
                if !pacer.is_open(Timestamp::now()) {
                    stop.ask(Stop::WindowClosed);
                }
                if session.is_none() {
                    session = database.connect().await.ok();
                }
                for lease in &renewed {
                    let Some(open) = session.as_mut() else { break };
                    match open.renew(lease, LEASE_MS).await {
                        Ok(Renewed::Superseded) => stop.ask(Stop::Superseded),
                        Ok(Renewed::Ours(Some(Request::Pause))) => stop.ask(Stop::PauseAsked),
                        Ok(Renewed::Ours(Some(Request::Cancel))) => stop.ask(Stop::CancelAsked),
                        Ok(Renewed::Ours(None)) => {}
                        // The lease outlasts many failed renewals; the workers see a lost server by themselves.
                        Err(_) => session = None,
                    }
                }
            }
        });
        Renewal { task, leases }
    }

    /// Ends it, and gives the leases back: what was owed is done.
    pub(crate) async fn end(mut self, session: &mut Session) -> Result<(), StoreError> {
        self.task.abort();
        let _ = (&mut self.task).await;
        for lease in &self.leases {
            session.release(lease).await?;
        }
        Ok(())
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_ended_and_was_not_reaped_is_dead() {
        let stat = |state: &str| {
            format!("7 (re) seal)) {state} 1 7 7 0 -1 4194304 9 0 0 0 1 2 0 0 20 0 4 0 4711 10 20")
        };
        for state in ["R", "S", "D", "T", "t"] {
            assert_eq!(started(&stat(state)).as_deref(), Some("4711"), "{state}");
        }
        for state in ["Z", "X", "x"] {
            assert_eq!(started(&stat(state)), None, "{state}");
        }
    }

    #[test]
    fn a_living_process_is_not_dead_and_a_gone_one_is() {
        assert!(!is_dead(&holder()));
        let gone = holder().encode().replace(&format!("process {}", std::process::id()), "process 4194305");
        assert!(is_dead(&Holder::decode(&gone)));
        assert!(!is_dead(&Holder::decode("elsewhere · process 1 · x · 1")));
    }
}
