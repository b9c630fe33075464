//! Whether the server writes to a log what it is sent.

use sea_query::Values;

use crate::driver::Statement;
use crate::settings::Settings;
use crate::taker::Taker;
use crate::{Dialect, Kind, Session, StoreError, mysql, postgres};

impl Session {
    /// The settings by which the server writes what an update is sent to a log, each as `name = value`. Row images for
    /// replicas are no log in this sense.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn logged_by(&mut self) -> Result<Vec<String>, StoreError> {
        let (asked, logging): (_, fn(&Settings) -> Vec<&'static str>) = match self.dialect() {
            Dialect::Postgres => (postgres::logs::ASKED, postgres::logs::logging),
            Dialect::Mysql => (mysql::logs::ASKED, mysql::logs::logging),
            Dialect::Sqlite => return Ok(Vec::new()),
        };
        let statement = Statement::own(asked.to_owned(), Values(vec![]));
        let rows = self.sql.driver.fetch(statement, &[Kind::Text; 2]).await?;
        let settings =
            Settings::new(rows.into_iter().map(Taker::new).map(|mut row| (row.text(), row.text())));
        Ok(logging(&settings).into_iter().map(|name| format!("{name} = {}", settings.get(name))).collect())
    }
}
