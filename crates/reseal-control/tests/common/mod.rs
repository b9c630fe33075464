//! A control database for each test.

#[path = "../../../reseal-store/tests/common/mod.rs"]
mod scratch;

use reseal_control::{ControlDatabase, ControlSession};

use scratch::Scratch;

/// A control database of its own.
pub(crate) struct Control {
    pub(crate) database: ControlDatabase,
    _scratch: Scratch,
}

impl Control {
    pub(crate) async fn new(store: &str) -> Control {
        let scratch = Scratch::new(store).await;
        let database = ControlDatabase::parse(&scratch.url).unwrap();
        database.connect().await.unwrap().migrate().await.unwrap();
        Control { database, _scratch: scratch }
    }

    pub(crate) async fn session(&self) -> ControlSession {
        self.database.connect().await.unwrap()
    }
}
