//! The server is held to its description: Schemathesis reads `/openapi.json` of the real server and sends what
//! the description allows, what it forbids, and what its links lead to, in thousands of requests. Nothing valid
//! is refused, nothing invalid is taken, every answer is one that is described, and no route that asks who
//! it is lets anybody else in. Afterwards the server is well, and its books are right.
//!
//! `schemathesis.toml` says what is left out, `rules.py` which refusals no schema can tell, `hooks.py` how
//! notices are signed. What Schemathesis found is printed with the curl command for each.
//!
//! ```text
//!   LASTUNIT_SEED=7 cargo test --test contract           draws the same requests again
//!   LASTUNIT_EXAMPLES=500 cargo test --test contract     a long run: so many requests for each operation and phase
//! ```
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

mod schemathesis;
mod shop;

use schemathesis::Run;
use shop::Shop;
use support::Stand;
use support::provider::SECRET;

/// A server that takes every value that is described, and whose provider fails soon.
fn stand() -> Stand {
    Stand::embedded()
        .setting("HOLDS__SECONDS_MAX", 2_592_000)
        .setting("PAYMENT__WEBHOOK_SECRETS", SECRET)
        .setting("PAYMENT__TIMEOUT_MS", 200)
        .setting("PAYMENT__RETRY_ATTEMPTS_MAX", 1)
        .setting("PAYMENT__RETRY_BASE_MS", 10)
        .setting("PAYMENT__RETRY_MAX_MS", 10)
}

async fn keeps_its_word(stand: Stand, shop: Shop, runs: &[Run]) {
    shop.fill().await;
    for run in runs {
        run.against(&stand, &shop).await;
    }
    shop.is_well().await;
    assert!(shop.server.stop().success());
    stand.assert_audit();
}

/// Nobody has to say who they are, and everybody may do everything.
#[tokio::test]
async fn the_description_holds_for_everybody() {
    // Of 65; there are no accounts here, which are nine.
    let run = Run::of(40).without("ignored_auth");
    let stand = stand();
    let shop = Shop::open(&stand);
    keeps_its_word(stand, shop, &[run]).await;
}

/// Whoever runs the shop has a token, and nobody else gets in.
#[tokio::test]
async fn the_description_holds_for_whoever_signs_in() {
    let stand = stand().setting("AUTH__MODE", "jwt");
    let shop = Shop::open(&stand).with_token(&stand);
    keeps_its_word(stand, shop, &[Run::of(45)]).await;
}

/// Among all operations few walks go far. Among these all of them lead somewhere.
#[tokio::test]
async fn links_lead_from_one_to_the_next() {
    let stand = stand();
    let shop = Shop::open(&stand);
    let walks = |tag, all| Run::of(all).without("ignored_auth").walks(tag);
    keeps_its_word(stand, shop, &[walks("purchases", 2), walks("reservations", 6)]).await;
}
