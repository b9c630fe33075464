//! The terminal as the commands below know it.

use std::sync::Arc;

use reseal_app::Frontend;
use reseal_engine::{Progress, Stopper};

use crate::signals;
use crate::view::View;

/// Whoever sits at the terminal, or the process that reads stderr.
pub(crate) struct Terminal;

impl Frontend for Terminal {
    fn show(&self, progress: &Arc<Progress>) -> Box<dyn Send> {
        Box::new(View::start(progress))
    }

    fn stop_with(&self, stop: &Stopper) {
        signals::watch(stop);
    }
}
