//! Prints the page of the plan language. `cargo xtask schema` keeps it in docs/plan.md.

mod plans;

use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    match plans::page() {
        Ok(page) => match std::io::stdout().write_all(page.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(missing) => {
            let _ = write!(std::io::stderr(), "{missing}");
            ExitCode::FAILURE
        }
    }
}
