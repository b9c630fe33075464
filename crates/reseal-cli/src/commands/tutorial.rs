//! `reseal tutorial`: steps to type, and what they need: an application that writes, and a cell that breaks.

use std::time::{Duration, Instant};

use reseal_app::Failure;
use reseal_app::tutorial::{Application, Tally, Tutorial};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::args::TutorialArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};
use crate::output::{note, number};

/// How often the application comes, and how often it says what it did.
const PAUSE: Duration = Duration::from_millis(10);
const REPORT: Duration = Duration::from_secs(2);

/// Makes the tutorial and shows its steps, or does what a step asks for.
pub(crate) async fn tutorial(args: &TutorialArgs) -> Outcome {
    let TutorialArgs { directory, act } = args;
    if act.write {
        return write(Tutorial::open(directory)?.application().await?).await;
    }
    let (row, did) = if act.damage {
        (Tutorial::open(directory)?.damage().await?, "damaged a cell of")
    } else if act.repair {
        (Tutorial::open(directory)?.repair().await?, "restored")
    } else {
        let steps = Tutorial::open_or_make(directory).await?.steps();
        return Ok(Done::new(CLEAN, json!({ "steps": steps }), steps.trim_end()));
    };
    Ok(Done::new(CLEAN, json!({ "row": row }), format!("{did} row {row}")))
}

/// The application at work, until Ctrl-C.
async fn write(mut application: Application) -> Outcome {
    note("the application reads and saves patients; press Ctrl-C to stop it");
    let failed = |_| Failure::failed("tutorial", "Ctrl-C cannot be caught".to_owned());
    // A signal that comes while no listener waits is lost: they listen from the beginning to the end.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut reported = Instant::now();
    loop {
        tokio::select! {
            biased;
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            () = tokio::time::sleep(PAUSE) => application.visit().await?,
        }
        if reported.elapsed() >= REPORT {
            note(&so_far(application.tally()));
            reported = Instant::now();
        }
    }
    end(application).await
}

fn so_far(tally: Tally) -> String {
    format!("{} patients saved, {} unreadable", number(tally.saved), number(tally.unreadable))
}

async fn end(mut application: Application) -> Outcome {
    let (tally, verdict) = (application.tally(), application.compare().await?);
    let is_clean = tally.unreadable == 0 && verdict.lost == 0;
    let text = match verdict.lost {
        0 => format!("all {} are as they were saved last", number(verdict.kept)),
        lost => format!("{} of them are not as they were saved last", number(lost)),
    };
    let document = json!({
        "saved": tally.saved, "unreadable": tally.unreadable, "kept": verdict.kept, "lost": verdict.lost,
    });
    let code = if is_clean { CLEAN } else { REMAIN };
    Ok(Done::new(code, document, format!("{}\n{text}", so_far(tally))))
}
