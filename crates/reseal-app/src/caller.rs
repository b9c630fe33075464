//! Who calls a command, and what they see of it while it is under way.

use std::sync::Arc;

use reseal_engine::{Progress, Stopper};

/// Who calls a command.
pub struct Caller {
    /// Who acts, for the ledger and the trail.
    pub operator: String,
    /// Where they watch and stop what takes a while.
    pub frontend: Box<dyn Frontend>,
}

/// Where somebody watches a command that takes a while, and can stop it: a terminal, a page, or nothing at all.
pub trait Frontend: Send + Sync {
    /// Long work begins. Its progress is shown until the returned guard is dropped.
    fn show(&self, progress: &Arc<Progress>) -> Box<dyn Send>;

    /// From here on the work can be stopped, and ends in good order when it is.
    fn stop_with(&self, stop: &Stopper);
}
