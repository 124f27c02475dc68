//! Live: the hub from outside, over real sockets, on the real binary.
//!
//! Proves that a client gets the value of each topic and then newer ones in order, that it goes on after a
//! reconnect where it was, that slow and broken clients cost nobody anything, that bounds are kept, and
//! that nobody follows what is somebody else's.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../accounts/shop.rs"]
#[allow(dead_code)]
mod shop;

#[path = "../http/expect.rs"]
#[allow(dead_code)]
mod expect;

mod bounds;
mod events;
mod rights;
mod screen;
mod slow;
mod values;
