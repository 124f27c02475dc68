//! Pump: asks for newer values of what is followed, again and again.
//!
//! Three turns, side by side: what is in memory waits for nobody; sales, of which there are few, do not wait
//! for the orders of every customer. In each of the latter tables and actors are asked about one topic after
//! the other: however many are followed, and a slow answer makes updates rarer and nothing else.

use super::Hub;
use super::topic::Place;
use futures::future::join3;
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
    join3(
        turn(&hub, Place::Memory, pace / LOOKS),
        turn(&hub, Place::Sales, PAUSE),
        turn(&hub, Place::Orders, PAUSE),
    )
    .await;
}

async fn turn(hub: &Hub, place: Place, pause: Duration) {
    let mut ticks = tokio::time::interval(pause.max(Duration::from_millis(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(source) = hub.source() else { continue };
        for channel in hub.channels(place) {
            let pace = channel.topic.pace(hub.options().pace);
            channel.refresh(source.as_ref(), pace, hub.metrics()).await;
        }
    }
}
