//! The commands of `reseal keys`.

mod catalogue;
mod copies;
mod generate;

use reseal_app::Caller;
use reseal_app::keys::KeyRequest;
use reseal_custody::Named;

use crate::args::{KeyArgs, KeysCommand};
use crate::exit::Outcome;

/// Carries out one of the family.
pub(crate) async fn keys(caller: &Caller, command: &KeysCommand) -> Outcome {
    match command {
        KeysCommand::Generate(args) => generate::generate(caller, args).await,
        KeysCommand::Backup(args) => copies::backup(caller, args).await,
        KeysCommand::Archive { key, to, file } => copies::archive(caller, key, to, file).await,
        KeysCommand::RestoreTest(args) => copies::restore_test(caller, args).await,
        KeysCommand::List { plan, due, read } => catalogue::list(&plan.path()?, *due, *read).await,
        KeysCommand::Activate { key, since } => catalogue::activate(caller, key, since.as_deref()).await,
        KeysCommand::Retire { key, accept } => catalogue::retire(caller, key, accept).await,
        KeysCommand::ForgetPin { key, confirm } => {
            catalogue::forget_pin(caller, key, confirm.as_deref()).await
        }
        KeysCommand::Destroy { key, accept, confirm } => {
            catalogue::destroy(caller, key, accept, confirm.as_deref()).await
        }
    }
}

impl KeyArgs {
    fn named(&self) -> Named {
        Named { keyset: self.keyset.clone(), key_id: self.key.clone() }
    }

    fn request(&self) -> KeyRequest {
        KeyRequest {
            plan: self.plan.clone(),
            key: self.named(),
            reason: self.reason.clone(),
            accept_unreadable: 0,
        }
    }
}
