//! `reseal serve`: the daemon.

use reseal_app::serve::ServeRequest;
use reseal_app::{Caller, Failure};
use reseal_serve::Clock;
use serde_json::json;

use crate::args::ServeArgs;
use crate::exit::{CLEAN, Done, Outcome};

/// Serves plans until it is told to stop.
pub(crate) async fn serve(caller: &Caller, args: &ServeArgs, log_json: bool) -> Outcome {
    let clock = args.clock_for_tests.as_deref().map_or(Ok(Clock::System), clock)?;
    let request = ServeRequest {
        plans: args.plans.paths()?,
        listen: args.listen,
        listen_names: args.listen_names.clone(),
        clock,
        // What a command writes goes where the daemon's own lines go.
        arguments: log_json.then(|| "--log-json".to_owned()).into_iter().collect(),
    };
    reseal_app::serve::serve(caller, &request).await?;
    Ok(Done::new(CLEAN, json!({ "stopped": true }), "stopped"))
}

/// A clock of tests: `FROM,SINCE,SPEED`.
fn clock(text: &str) -> Result<Clock, Failure> {
    let parts: Vec<&str> = text.split(',').collect();
    let read = || match parts[..] {
        [from, since, speed] => Some(Clock::Simulated {
            from: from.parse().ok()?,
            since: since.parse().ok()?,
            speed: speed.parse().ok()?,
        }),
        _ => None,
    };
    read().ok_or_else(|| {
        Failure::usage("clock", "the value of the test clock is not valid", "pass FROM,SINCE,SPEED")
    })
}
