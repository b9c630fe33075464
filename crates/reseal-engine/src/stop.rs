//! Why a run is to stop, and where that is asked for.

use std::sync::Arc;

use tokio::sync::watch;

/// Why a run is to stop after the current batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Ctrl-C or SIGTERM.
    Interrupted,
    /// `reseal pause`.
    PauseAsked,
    /// `reseal cancel`.
    CancelAsked,
    /// The plan's window closed.
    WindowClosed,
    /// The time given by `--until` has come.
    UntilReached,
    /// Another engine took the run up.
    Superseded,
    /// Something else failed, and the other workers need not go on.
    Failing,
}

impl Stop {
    /// The reason as the ledger notes it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Stop::Interrupted => "interrupted",
            Stop::PauseAsked => "paused by an operator",
            Stop::CancelAsked => "cancelled by an operator",
            Stop::WindowClosed => "outside the plan's windows",
            Stop::UntilReached => "the time given by `--until` is reached",
            Stop::Superseded => "another process took over the run",
            Stop::Failing => "failed",
        }
    }
}

/// Where a stop is asked for and looked up. The first reason stays.
#[derive(Clone, Debug)]
pub struct Stopper {
    sender: Arc<watch::Sender<Option<Stop>>>,
}

impl Default for Stopper {
    fn default() -> Self {
        Stopper { sender: Arc::new(watch::Sender::new(None)) }
    }
}

impl Stopper {
    /// Asks for a stop.
    pub fn ask(&self, stop: Stop) {
        self.sender.send_if_modified(|asked| {
            // Being superseded outranks the rest: nothing more may be written, not even a state.
            let set = asked.is_none() || stop == Stop::Superseded;
            if set {
                *asked = Some(stop);
            }
            set
        });
    }

    /// The reason to stop, if there is one.
    #[must_use]
    pub fn asked(&self) -> Option<Stop> {
        *self.sender.borrow()
    }

    /// Waits until a stop is asked for.
    pub async fn wait(&self) {
        let mut receiver = self.sender.subscribe();
        let _ = receiver.wait_for(Option::is_some).await;
    }
}
