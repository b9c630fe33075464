//! The rules around keys, which hold whichever way a rotation is started: what a policy asks for before a run.
//!
//! **Invariant:** nothing here prints, and no key leaves it but into the engine.

mod before;
mod proofs;

pub use before::before_run;
pub use proofs::proofs;
