//! What the ledger knows tables by, where Reseal itself changes their definition.

use sea_query::{Expr, ExprTrait, Query};

use crate::taker::Taker;
use crate::{Kind, Session, StoreError, TableIdentity, TableMark, TableName};

/// What a database told a table by before Reseal changed its definition.
pub(super) struct Known {
    table: TableName,
    mark: Option<TableMark>,
}

impl Session {
    /// What the database tells a table by, before a change.
    pub(super) async fn known(&mut self, table: &TableName) -> Result<Known, StoreError> {
        Ok(Known { table: table.clone(), mark: self.sql.driver.mark(table).await? })
    }

    /// Has what is recorded of tables follow a change of Reseal's own: a record that was certain before it still is.
    pub(super) async fn follow(&mut self, before: Known) -> Result<(), StoreError> {
        let (Some(was), Some(now)) = (before.mark, self.sql.driver.mark(&before.table).await?) else {
            return Ok(());
        };
        if was == now {
            return Ok(());
        }
        let changed = TableIdentity { name: before.table, mark: was };
        for recorded in self.recorded().await? {
            let Some(mark) = recorded.followed(&changed, &now) else { continue };
            let update = Query::update()
                .table(self.ledger("run_table"))
                .value("mark", mark.encode())
                .and_where(Expr::col("own_name").eq(recorded.name.name))
                .and_where(Expr::col("mark").eq(recorded.mark.encode()))
                .to_owned();
            self.run(&update).await?;
        }
        Ok(())
    }

    /// The tables that runs have recorded, each as it was found.
    async fn recorded(&mut self) -> Result<Vec<TableIdentity>, StoreError> {
        let select = Query::select()
            .distinct()
            .columns(["schema_name", "own_name", "mark"])
            .from(self.ledger("run_table"))
            .to_owned();
        let rows = self.query(&select, &[Kind::Text; 3]).await?.into_iter().map(Taker::new);
        let read = |mut take: Taker| {
            let name = TableName { schema: take.optional_text(), name: take.text() };
            Some(TableIdentity { name, mark: TableMark::decode(&take.text())? })
        };
        Ok(rows.filter_map(read).collect())
    }
}
