//! The callback that sees every statement.

use std::sync::Arc;

/// Told of every statement; for tests that count them.
pub type MetricCallback = Arc<dyn Fn(&sea_orm::metric::Info<'_>) + Send + Sync>;
