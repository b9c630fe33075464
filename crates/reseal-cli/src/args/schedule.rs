//! `reseal schedule` and `reseal serve`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleCommand {
    /// List the jobs of plans: when, what, and what fires next
    List {
        /// The plans
        #[arg(required = true)]
        plans: Vec<PathBuf>,
    },
    /// List what will fire, in local time and UTC; disabled jobs do not
    Next {
        /// The plan
        plan: PathBuf,
        /// From when: a date or time in the schedule's zone, or RFC 3339; now if left out
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Until when; a year later if left out
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Let jobs fire again; what passed meanwhile is not caught up
    Enable {
        /// The plan
        plan: PathBuf,
        /// One job alone
        job: Option<String>,
    },
    /// Keep jobs from firing until they are enabled again
    Disable {
        /// The plan
        plan: PathBuf,
        /// One job alone
        job: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The plans; they are read at the start, and again on SIGHUP
    #[arg(required = true)]
    pub(crate) plans: Vec<PathBuf>,
    /// Show /metrics, /healthz and a status page at this address, such as 127.0.0.1:9187; it knows no password
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// A name by which that address may be asked too, beside addresses and localhost; may be given several times
    #[arg(long = "listen-name", value_name = "NAME", requires = "listen")]
    pub(crate) listen_names: Vec<String>,
    /// For tests: a clock that showed FROM when it was SINCE, and runs SPEED times as fast
    #[arg(long, hide = true, value_name = "FROM,SINCE,SPEED")]
    pub(crate) clock_for_tests: Option<String>,
}
