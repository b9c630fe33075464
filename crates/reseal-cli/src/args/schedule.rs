//! `reseal schedule` and `reseal serve`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::plan::{PlanArg, PlansArg};

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List scheduled jobs and when each fires next
    List {
        #[command(flatten)]
        plans: PlansArg,
    },
    /// List upcoming job times, in local time and UTC
    Next {
        #[command(flatten)]
        plan: PlanArg,
        /// Start: a date or time in the schedule's time zone, or RFC 3339 (default: now)
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// End (default: one year after the start)
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Enable jobs; times missed while disabled are skipped
    Enable {
        /// Plan file
        plan: PathBuf,
        /// Job name (default: all jobs of the plan)
        job: Option<String>,
    },
    /// Disable jobs until they are enabled again
    Disable {
        /// Plan file
        plan: PathBuf,
        /// Job name (default: all jobs of the plan)
        job: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(crate) plans: PlansArg,
    /// Serve /metrics, /healthz and a status page at this address, such as 127.0.0.1:9187; without authentication
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// Host name to accept in requests besides IP addresses and localhost; can be repeated
    #[arg(long = "listen-name", value_name = "NAME", requires = "listen")]
    pub(crate) listen_names: Vec<String>,
    /// For tests: a clock that showed FROM at SINCE and runs SPEED times as fast
    #[arg(long, hide = true, value_name = "FROM,SINCE,SPEED")]
    pub(crate) clock_for_tests: Option<String>,
}
