//! Ctrl-C and SIGTERM: finish the batch in hand, then stop. A second one ends at once; the ledger bears it.

use std::time::Duration;

use reseal_engine::{Stop, Stopper};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{self, STOPPED};
use crate::output::note;
use reseal_app::{Failure, FailureClass};

/// How long what is said last may take: whoever should read it may have gone, or read nothing.
const LAST_WORD: Duration = Duration::from_millis(500);

/// Watches for signals until the program ends.
pub(crate) fn watch(stop: &Stopper) {
    let stop = stop.clone();
    tokio::spawn(async move {
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut times = 0;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            times += 1;
            if times > 1 {
                end_at_once();
            }
            stop.ask(Stop::Interrupted);
            note("stopping after the current batch; press Ctrl-C again to stop immediately");
        }
    });
}

fn end_at_once() -> ! {
    let failure = Failure {
        class: FailureClass::Stopped,
        code: "interrupted".into(),
        message: "stopped immediately; the ledger records what was committed".into(),
        help: Some("run the same command again to resume".into()),
        approval: false,
    };
    let json = std::env::args_os().any(|arg| arg == "--json");
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = exit::end(json, Err(failure));
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(LAST_WORD);
    std::process::exit(i32::from(STOPPED));
}
