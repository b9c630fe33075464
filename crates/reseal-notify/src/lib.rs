//! Notices to people: what one says, the outbox that delivers it, and the alerts that raise one.
//!
//! A notice is posted to the outbox, in the transaction of its cause where both are in the control database, and else
//! found in the ledger again and again until it is there. The outbox delivers it to each recipient: at least once, and
//! twice only if the process dies between the other side's yes and the note of it. Both copies then carry one id.
//!
//! **Invariant:** nothing here waits inside a rotation. A mail server that is slow or gone costs letters time, never
//! cells.

mod alert;
mod asked;
mod attempt;
mod deliver;
mod letter;
mod prune;
mod runs;
mod sample;
mod tick;
mod trail;
mod wording;

pub use alert::{raise, resolve};
pub use attempt::{Attempt, Refusal, report_attempt, report_disk, resolve_approval_alerts};
pub use deliver::{Delivered, Outbox, backoff};
pub use letter::{letters, post};
pub use prune::prune;
pub use sample::sample;
pub use tick::{Tick, tick};
pub use wording::{Rendered, render};
