//! `keys`: making keys, their catalogue, copies of them, and the end of their life.

mod catalogue;
mod copies;
mod generate;
mod lifecycle;
mod pins;

use reseal_control::ControlDatabase;
use reseal_custody::Custodian;

pub use catalogue::{CataloguedKey, HeldCells, KeyList, KeyListRequest, Labels, ListedKey, PrimaryKey, list};
pub use copies::{
    ArchiveRequest, BackupRecipients, BackupRequest, BackupSource, RestoreTestRequest, RestoreTested,
    archive, backup, restore_test,
};
pub use generate::{GenerateRequest, GeneratedKey, KeyDestination, generate, generate_into_file};
pub use lifecycle::{ActivateRequest, DestroyRequest, KeyRequest, activate, destroy, retire};
pub use pins::{ForgetPinRequest, forget_pin};

use crate::caller::Caller;
use crate::open::Opened;

fn custodian<'a>(opened: &'a Opened, control: &'a ControlDatabase, caller: &'a Caller) -> Custodian<'a> {
    Custodian {
        plan: &opened.plan,
        job: &opened.job,
        database: &opened.database,
        control,
        operator: &caller.operator,
    }
}
