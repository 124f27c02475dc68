//! Numbers that are counted anyway and only copied to the gauges now and then, off the hot path.

use crate::clock::Clock;
use crate::engine::Engine;
use crate::projection::ProjectionProgress;
use crate::telemetry::Metrics;
use std::time::Duration;

/// How often the gauges are set.
const EVERY: Duration = Duration::from_secs(1);

/// Runs for ever.
pub async fn feed(metrics: Metrics, engine: Engine, progress: ProjectionProgress, clock: Clock) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        engine.report(&metrics.engine, clock.now());
        metrics.projection.lag_seconds.set(progress.lag(&engine.durable()));
    }
}
