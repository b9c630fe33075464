//! Ctrl-C and SIGTERM: finish the batch in hand, then stop. A second one ends at once; the ledger bears it.

use reseal_engine::{Stop, Stopper};
use tokio::signal::unix::{SignalKind, signal};

use crate::exit::{self, Failure, STOPPED};

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
                let message = "stopped at once; the ledger knows what was committed";
                let failure = Failure {
                    exit: STOPPED,
                    code: "interrupted".into(),
                    message: message.into(),
                    help: Some("run the same command again to go on".into()),
                };
                let _ = exit::end(std::env::args().any(|arg| arg == "--json"), Err(failure));
                std::process::exit(i32::from(STOPPED));
            }
            eprintln!("stopping after the batch in hand; once more to stop at once");
            stop.ask(Stop::Interrupted);
        }
    });
}
