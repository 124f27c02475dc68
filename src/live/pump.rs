//! Pump: asks for newer values of what is followed, again and again.
//!
//! Two tasks: one for what is in memory, which waits for nobody, and one for what tables and actors are
//! asked about, one topic after the other: however many are followed, they are never asked more than one
//! thing at a time, and a slow answer makes updates rarer and nothing else.

use super::Hub;
use futures::future::join;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Looks at what is in memory this many times between two values: a change is shown soon, and no more often
/// than the pace.
const LOOKS: u32 = 4;

/// Between two looks at everything else.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs for ever.
pub async fn pump(hub: Hub) {
    let pace = hub.options().pace;
    join(turn(&hub, true, pace / LOOKS), turn(&hub, false, PAUSE)).await;
}

async fn turn(hub: &Hub, in_memory: bool, pause: Duration) {
    let mut ticks = tokio::time::interval(pause.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(source) = hub.source() else { continue };
        for channel in hub.channels(in_memory) {
            let pace = channel.topic.pace(hub.options().pace);
            channel.refresh(source.as_ref(), pace, hub.metrics()).await;
        }
    }
}
