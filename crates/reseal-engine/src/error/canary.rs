//! What became of the first batch, where the steps of `canary` failed.

use super::RunError;

/// What became of the first batch.
#[derive(Clone, Debug)]
pub enum PutBack {
    /// It is back: each cell holds its old bytes, or what the application wrote there since.
    Whole,
    /// So many of its cells hold neither, and do not open any more.
    Damaged(u64),
    /// The database refuses rows of it, which are listed.
    Refused,
    /// The database did not take it back.
    Failed(Box<RunError>),
}

/// What to do where it is not back.
pub(super) const NOT_BACK: &str = "find out what overwrites these cells, then run `reseal rollback`; the run \
                                   keeps their old bytes until then";

impl std::fmt::Display for PutBack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PutBack::Whole => f.write_str("the first batch was restored"),
            PutBack::Damaged(cells) => write!(
                f,
                "{cells} cells of the first batch no longer open and were NOT restored; their old bytes are \
                 kept"
            ),
            PutBack::Refused => f.write_str(
                "the database rejected old cells of the first batch: the cells that `reseal quarantine` \
                 lists were NOT restored; their old bytes are kept",
            ),
            PutBack::Failed(why) => {
                write!(f, "the first batch was NOT restored ({why}); its old bytes are kept")
            }
        }
    }
}
