//! Client: the address that the request of this task counts for.
//!
//! It follows the task, like the request's id: an extension of the request would cost two allocations.

use std::net::IpAddr;

tokio::task_local! {
    static ADDRESS: IpAddr;
}

/// Runs something on behalf of a client.
pub(super) fn scope<T>(address: IpAddr, run: impl FnOnce() -> T) -> T {
    ADDRESS.sync_scope(address, run)
}

/// Where the request comes from; `None` outside of one.
pub(super) fn address() -> Option<IpAddr> {
    ADDRESS.try_with(|address| *address).ok()
}
