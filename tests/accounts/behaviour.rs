//! Behaviour: what accounts do in each database, by a clock that the test moves.

use crate::shop::PASSWORD;
use crate::support::Stand;
use lastunit::account::{
    AccountError, Accounts, Checked, Email, Identity, KeyFiles, Location, NewApiKey, Role, Scopes,
    Settings, TokenAlgorithm, TokenError, TokenRules,
};
use lastunit::clock::Clock;
use lastunit::domain::Timestamp;
use lastunit::telemetry::metrics::AccountMetrics;
use std::sync::Arc;
use throwaway::Postgres;

pub struct Kit {
    stand: Stand,
    postgres: Option<Postgres>,
    clock: Clock,
}

const START: u64 = 1_800_000_000_000;
const DAY: u64 = 86_400_000;

impl Kit {
    pub fn sqlite() -> Self {
        let clock = Clock::manual(Timestamp::from_millis(START));
        Self { stand: Stand::embedded(), postgres: None, clock }
    }

    pub fn postgres() -> Self {
        Self { postgres: Some(Postgres::start().expect("Postgres starts")), ..Self::sqlite() }
    }

    async fn accounts(&self) -> Accounts {
        let data_dir = self.stand.data_dir();
        self.accounts_with(KeyFiles {
            algorithm: TokenAlgorithm::EdDsa,
            verifying: None,
            signing: None,
            issues: true,
            data_dir,
        })
        .await
    }

    async fn accounts_with(&self, keys: KeyFiles) -> Accounts {
        let data_dir = self.stand.data_dir();
        let location = match &self.postgres {
            None => Location::Sqlite(data_dir.join("accounts.sqlite")),
            Some(postgres) => {
                Location::Postgres { url: postgres.url("postgres"), connections_max: 4 }
            }
        };
        let settings = Settings {
            keys,
            rules: TokenRules {
                issuer: "lastunit".into(),
                audience: "lastunit".into(),
                leeway_seconds: 5,
                role_claim: String::new(),
            },
            location,
            issues: true,
            access_seconds: 900,
            refresh_days: 30,
            cached_tokens_max: 1_000,
            password_threads: 2,
        };
        let metrics = AccountMetrics::default();
        Accounts::open(settings, self.clock.clone(), metrics).await.expect("the store")
    }
}

fn email(text: &str) -> Email {
    Email::parse(text).expect("an address")
}

fn invalid(error: &AccountError) -> bool {
    matches!(error, AccountError::Token(TokenError::Invalid(_)))
}

pub async fn accounts_outlive_the_server(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = accounts.register(&email("ann@example.com"), PASSWORD.into()).await.expect("made");
    accounts.close().await;
    let accounts = kit.accounts().await;
    let again = accounts.log_in(&email("ANN@example.com"), PASSWORD.into()).await.expect("in");
    assert_eq!(again.account.id, ann.account.id);
    assert_eq!(
        (again.account.role, again.account.email.as_str()),
        (Role::Customer, "ann@example.com")
    );
    accounts.refresh(&ann.refresh_token).await.expect("signed in still");
    assert!(matches!(accounts.check(&ann.access_token), Checked::Known(_)));
}

pub async fn of_two_registrations_of_an_address_one_wins(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = email("ann@example.com");
    let tries = (0..4).map(|_| accounts.register(&ann, PASSWORD.into()));
    let answers = futures::future::join_all(tries).await;
    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused =
        answers.iter().filter(|answer| matches!(answer, Err(AccountError::Exists))).count();
    assert_eq!((made, refused), (1, 3));
}

pub async fn of_two_refreshes_one_wins(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = email("ann@example.com");
    let signed_in = accounts.register(&ann, PASSWORD.into()).await.expect("made");
    for _ in 0..10 {
        let signed_in = accounts.log_in(&ann, PASSWORD.into()).await.expect("in");
        let tries = (0..6).map(|_| {
            let (accounts, token) = (accounts.clone(), signed_in.refresh_token.clone());
            tokio::spawn(async move { accounts.refresh(&token).await.map(|who| who.refresh_token) })
        });
        let mut won = Vec::new();
        for answer in futures::future::join_all(tries).await {
            match answer.expect("no panic") {
                Ok(token) => won.push(token),
                Err(error) => assert_eq!(error, AccountError::Reused),
            }
        }
        assert_eq!(won.len(), 1, "exactly one gets the next token");
        // The others had a copy, so the sign-in has ended for whoever won, too.
        let after = accounts.refresh(&won[0]).await.map(|_| ()).expect_err("ended");
        assert!(invalid(&after), "{after:?}");
    }
    accounts.refresh(&signed_in.refresh_token).await.expect("another sign-in is not touched");
}

pub async fn a_token_that_comes_again_ends_the_sign_in(kit: Kit) {
    let accounts = kit.accounts().await;
    let first = accounts.register(&email("ann@example.com"), PASSWORD.into()).await.expect("made");
    let second = accounts.refresh(&first.refresh_token).await.expect("the next");
    let third = accounts.refresh(&second.refresh_token).await.expect("the next");
    for old in [&first, &second, &first] {
        let error =
            accounts.refresh(&old.refresh_token).await.map(|_| ()).expect_err("used before");
        assert_eq!(error, AccountError::Reused);
    }
    let ended = accounts.refresh(&third.refresh_token).await.map(|_| ()).expect_err("ended");
    assert!(invalid(&ended), "{ended:?}");
}

pub async fn tries_are_slowed_down_alike(kit: Kit) {
    let accounts = kit.accounts().await;
    accounts.register(&email("ann@example.com"), PASSWORD.into()).await.expect("made");
    let mut pauses = Vec::new();
    for address in ["ann@example.com", "nobody@example.com"] {
        let address = email(address);
        let mut own = Vec::new();
        for _ in 0..20 {
            let wrong = accounts.log_in(&address, "a wrong password".into()).await.map(|_| ());
            assert_eq!(wrong, Err(AccountError::WrongCredentials));
            // Whoever asks at once learns how long to wait, and the right password changes nothing.
            let now = kit.clock.now();
            let next = accounts.log_in(&address, "a wrong password".into()).await.map(|_| ());
            match next {
                Err(AccountError::TooManyAttempts { until }) => {
                    own.push(until.millis_since(now));
                    let right = accounts.log_in(&address, PASSWORD.into()).await.map(|_| ());
                    assert_eq!(right, Err(AccountError::TooManyAttempts { until }));
                    kit.clock.advance(until.millis_since(now));
                }
                other => assert_eq!(other, Err(AccountError::WrongCredentials)),
            }
        }
        pauses.push(own);
    }
    assert_eq!(pauses[0], pauses[1], "known or not");
    assert_eq!(pauses[0][..4], [1_000, 2_000, 4_000, 8_000]);
    assert_eq!(pauses[0].last(), Some(&900_000));
    // The right password begins anew.
    accounts.log_in(&email("ann@example.com"), PASSWORD.into()).await.expect("in");
    let wrong = accounts.log_in(&email("ann@example.com"), "a wrong password".into()).await;
    assert!(matches!(wrong, Err(AccountError::WrongCredentials)));
    accounts.log_in(&email("ann@example.com"), PASSWORD.into()).await.expect("in");
}

pub async fn what_ran_out_is_told(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = accounts.register(&email("ann@example.com"), PASSWORD.into()).await.expect("made");
    assert!(matches!(accounts.check(&ann.access_token), Checked::Known(_)));
    // Seconds are cut off, and clocks may differ by five of them.
    kit.clock.advance(904_999);
    assert!(matches!(accounts.check(&ann.access_token), Checked::Known(_)));
    kit.clock.advance(1);
    // From the cache and without it.
    let expired = AccountError::Token(TokenError::Expired);
    let again = kit.accounts().await;
    for accounts in [&accounts, &again] {
        let Checked::Refused(error) = accounts.check(&ann.access_token) else { panic!("valid") };
        assert_eq!(error, expired);
    }
    kit.clock.advance(30 * DAY);
    let error = accounts.refresh(&ann.refresh_token).await.map(|_| ()).expect_err("ran out");
    assert_eq!(error, expired);
}

pub async fn api_keys_end(kit: Kit) {
    let (here, there) = (kit.accounts().await, kit.accounts().await);
    let expires_at = Some(kit.clock.now().plus_millis(60_000));
    let new = |expires_at| NewApiKey { name: "a".into(), scopes: Scopes::ORDERS_READ, expires_at };
    let (key, text) = here.create_key(new(None)).await.expect("made");
    let (_, short) = here.create_key(new(expires_at)).await.expect("made");
    for accounts in [&here, &there] {
        let identity = ask_key(accounts, &text).await.expect("known");
        assert!(!identity.is_person() && identity.runs_the_shop());
        assert!(matches!(accounts.check(&text), Checked::Known(_)), "it is remembered");
        ask_key(accounts, &short).await.expect("known");
    }
    assert!(here.revoke_key(&key.id).await.expect("asked"));
    assert!(invalid(&ask_key(&here, &text).await.expect_err("revoked here at once")));
    ask_key(&there, &text).await.expect("remembered there");
    kit.clock.advance(5_000);
    assert!(invalid(&ask_key(&there, &text).await.expect_err("revoked there within five seconds")));
    ask_key(&here, &short).await.expect("valid still");
    kit.clock.advance(55_000);
    let expired = AccountError::Token(TokenError::Expired);
    assert_eq!(ask_key(&here, &short).await.expect_err("ran out"), expired);
    assert!(!here.revoke_key("unknown").await.expect("asked"));
}

/// What a server says of a key that is sent to it.
async fn ask_key(accounts: &Accounts, text: &str) -> Result<Arc<Identity>, AccountError> {
    match accounts.check(text) {
        Checked::Known(identity) => Ok(identity),
        Checked::Refused(error) => Err(error),
        Checked::Unasked(key) => accounts.look_up(key).await,
    }
}

async fn make_key(accounts: &Accounts, expires_at: Option<Timestamp>) -> String {
    let scopes = Scopes::PURCHASES_WRITE;
    let new = NewApiKey { name: "a".into(), scopes, expires_at };
    accounts.create_key(new).await.expect("made").1
}

pub async fn one_request_looks_at_a_key_again(kit: Kit) {
    let accounts = kit.accounts().await;
    let text = make_key(&accounts, None).await;
    ask_key(&accounts, &text).await.expect("known");
    kit.clock.advance(3_999);
    assert!(matches!(accounts.check(&text), Checked::Known(_)));
    kit.clock.advance(1);
    let Checked::Unasked(again) = accounts.check(&text) else { panic!("nobody looks") };
    assert!(matches!(accounts.check(&text), Checked::Known(_)), "the others go on");
    accounts.look_up(again).await.expect("known still");
    kit.clock.advance(3_999);
    assert!(matches!(accounts.check(&text), Checked::Known(_)), "from then on anew");
    // One that goes away without an answer leaves it to the next.
    kit.clock.advance(1);
    drop(accounts.check(&text));
    assert!(matches!(accounts.check(&text), Checked::Known(_)));
    kit.clock.advance(1_000);
    assert!(matches!(accounts.check(&text), Checked::Unasked(_)));
}

pub async fn known_keys_do_not_need_the_store(kit: Kit) {
    let accounts = kit.accounts().await;
    let ends = kit.clock.now().plus_millis(300_000);
    let (text, other) = (make_key(&accounts, None).await, make_key(&accounts, None).await);
    let short = make_key(&accounts, Some(ends)).await;
    for known in [&text, &short] {
        ask_key(&accounts, known).await.expect("known");
    }
    // From here on every question fails.
    accounts.close().await;
    for _ in 0..59 {
        kit.clock.advance(5_000);
        for known in [&text, &short] {
            ask_key(&accounts, known).await.expect("it was known");
            assert!(matches!(accounts.check(known), Checked::Known(_)), "nobody waits for long");
        }
    }
    let unasked = ask_key(&accounts, &other).await.expect_err("never seen here");
    assert!(matches!(unasked, AccountError::Unavailable(_)), "{unasked:?}");
    kit.clock.advance(5_000);
    ask_key(&accounts, &short).await.expect_err("its own end counts");
    ask_key(&accounts, &text).await.expect("it was known");
    kit.clock.advance(299_999);
    ask_key(&accounts, &text).await.expect("it was known");
    kit.clock.advance(1);
    let ended = ask_key(&accounts, &text).await.expect_err("too long ago");
    assert!(matches!(ended, AccountError::Unavailable(_)), "{ended:?}");
}

pub async fn a_busy_server_is_no_wrong_password(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = email("ann@example.com");
    accounts.register(&ann, PASSWORD.into()).await.expect("made");
    // Two threads with 33 places each; nobody leaves a place whose future is not polled.
    let nobody = email("nobody@example.com");
    let mut others: Vec<_> =
        (0..66).map(|_| Box::pin(accounts.log_in(&nobody, "a wrong password".into()))).collect();
    for other in &mut others {
        assert!(futures::poll!(other.as_mut()).is_pending());
    }
    for _ in 0..20 {
        let busy = accounts.log_in(&ann, PASSWORD.into()).await.map(|_| ());
        assert_eq!(busy, Err(AccountError::Busy));
    }
    drop(others);
    for _ in 0..5 {
        let wrong = accounts.log_in(&ann, "a wrong password".into()).await.map(|_| ());
        assert_eq!(wrong, Err(AccountError::WrongCredentials), "all five are free still");
    }
}

pub async fn a_refresh_that_fails_may_be_sent_again(kit: Kit) {
    let accounts = kit.accounts().await;
    let ann = accounts.register(&email("ann@example.com"), PASSWORD.into()).await.expect("made");
    let data_dir = kit.stand.data_dir();
    let algorithm = TokenAlgorithm::EdDsa;
    let keyless = KeyFiles { algorithm, verifying: None, signing: None, issues: false, data_dir };
    let keyless = kit.accounts_with(keyless).await;
    let failed = keyless.refresh(&ann.refresh_token).await.map(|_| ());
    assert_eq!(failed, Err(AccountError::Failed));
    accounts.refresh(&ann.refresh_token).await.expect("it is as it was");
}
