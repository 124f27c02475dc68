//! Screens: the hub of live updates, and the threads that send them.
//!
//! Threads of their own and at low priority: no screen slows a sale. Started with the server, and said
//! goodbye to as soon as it goes down; whoever takes no goodbye in [`GOODBYE_MAX`] gets none.

use super::StartError;
use crate::config::LiveConfig;
use crate::http::server::Stage;
use crate::http::{Api, Documents, Live, LiveOptions};
use crate::live::{self, Hub, HubOptions};
use crate::telemetry::Metrics;
use crate::threads;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// How long those who follow something may take to hear that the server goes down.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Priority of the threads that send updates (Linux): 0 is normal, 19 is lowest.
const LIVE_NICE: i32 = 10;

/// Updates for screens, and the runtime they are sent on.
pub(super) struct LiveRuntime {
    pub(super) parts: Live,
    /// Taken when it ends.
    runtime: Runtime,
}

impl LiveRuntime {
    pub(super) fn start(settings: &LiveConfig, metrics: &Metrics) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(settings.threads)
            .thread_name("live")
            .on_thread_start(|| threads::lower_priority(LIVE_NICE))
            .enable_all()
            .build()?;
        let options = HubOptions {
            clients_max: settings.clients_max,
            clients_per_address_max: settings.clients_per_address_max,
            topics_per_client_max: settings.topics_per_client_max,
            pace: settings.pace(),
        };
        let parts = Live {
            hub: Hub::new(options, metrics.live.clone()),
            runtime: runtime.handle().clone(),
            options: LiveOptions {
                message_bytes_max: settings.message_bytes_max,
                ping: settings.ping(),
                silence_max: settings.silence_max(),
                send_buffer_bytes: settings.send_buffer_bytes,
            },
        };
        Ok(Self { parts, runtime })
    }

    /// From here on values are read and sent.
    pub(super) fn follow(&self, api: &Api) {
        self.parts.hub.follow(Arc::new(Documents::new(api.clone())));
        self.parts.runtime.spawn(live::pump(self.parts.hub.clone()));
    }

    /// Says goodbye to everybody who follows something, as soon as the server goes down: their
    /// connections would stay for ever.
    pub(super) fn close_when_draining(
        &self,
        mut stage: watch::Receiver<Stage>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let hub = self.parts.hub.clone();
        async move {
            let _ = stage.wait_for(|stage| *stage >= Stage::Draining).await;
            hub.close();
        }
    }

    /// Waits for the goodbyes, then ends the threads.
    pub(super) async fn end(self) {
        let _ = tokio::time::timeout(GOODBYE_MAX, self.parts.hub.left()).await;
        self.runtime.shutdown_background();
    }
}
