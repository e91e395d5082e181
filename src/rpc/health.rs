//! What health asks of the database.

use crate::app::App;
use crate::error::Result;
use crate::serve::health::Database;
use crate::storage::zone::zone_claim;

impl Database for App {
    async fn check(&self) -> Result<()> {
        self.db.check_schema().await?;
        zone_claim(&self.db, self.time().zone().name()).await
    }

    async fn ping(&self) -> Result<()> {
        self.db.ping().await
    }

    fn set_away(&self, away: bool) {
        self.db.set_away(away);
    }
}
