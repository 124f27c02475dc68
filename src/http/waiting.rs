//! Waiting: queries that must see what was answered before.
//!
//! The query tables follow the journal and may lag. Whoever has been told of an order must find it,
//! so a query that misses waits for the tables to reach what is durable now, for a bounded time, and
//! asks again. If they do not get there, or another server may own the journal by now, the answer is
//! 503 `projection-behind`, never a wrong 404.

use super::Api;
use super::problem::Problem;
use crate::projection::QueryError;
use std::time::Duration;

/// How long a list waits to be fresh; afterwards it shows what there is.
const LIST_PATIENCE: Duration = Duration::from_millis(250);

/// Asks until there is a row, the tables have caught up, or the patience is over. `None`: there is
/// no such row.
///
/// # Errors
/// When the query fails, or the tables are behind.
pub async fn find<T, Asking>(
    api: &Api,
    patience: Duration,
    ask: impl Fn() -> Asking,
) -> Result<Option<T>, Problem>
where
    Asking: Future<Output = Result<Option<T>, QueryError>>,
{
    let asked = async || ask().await.map_err(|error| Problem::of_query(&error));
    if let Some(row) = asked().await? {
        return Ok(Some(row));
    }
    let caught_up = caught_up(api, patience).await;
    match asked().await? {
        None if !caught_up => Err(Problem::projection_behind()),
        row => Ok(row),
    }
}

/// Whether the tables have everything that is durable now, after waiting for it.
pub async fn caught_up(api: &Api, patience: Duration) -> bool {
    api.progress.wait_for(&api.engine.durable(), patience).await
        && api.engine.knows_what_is_durable()
}

/// Gives the tables a moment to catch up, so that a list shows what its reader has just done; says
/// whether they have. Tables that are far behind are not waited for: it would hold everybody up, and
/// help nobody.
pub async fn freshen(api: &Api) -> bool {
    let durable = api.engine.durable();
    let is_near = api.progress.lag(&durable) < LIST_PATIENCE.as_secs_f64();
    is_near
        && api.progress.wait_for(&durable, LIST_PATIENCE).await
        && api.engine.knows_what_is_durable()
}
