//! Every metric's name, kind, help text and buckets. Prefix `lastunit_`, base units (seconds), labels
//! from closed lists, never a customer.

/// What a metric counts or measures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub(super) struct Name {
    pub text: &'static str,
    pub help: &'static str,
    pub kind: Kind,
}

const fn counter(name: &'static str, help: &'static str) -> Name {
    Name { text: name, help, kind: Kind::Counter }
}

const fn gauge(name: &'static str, help: &'static str) -> Name {
    Name { text: name, help, kind: Kind::Gauge }
}

const fn histogram(name: &'static str, buckets: &'static [f64], help: &'static str) -> Name {
    Name { text: name, help, kind: Kind::Histogram(buckets) }
}

/// From a tenth of a millisecond to ten seconds.
pub(super) const SECONDS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Powers of two up to the size of a large batch.
const COUNTS: &[f64] =
    &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];

pub(super) const REQUEST_SECONDS: Name = histogram(
    "lastunit_request_seconds",
    SECONDS,
    "Time from the head of a request to its answer, by route and status.",
);
pub(super) const PURCHASES: Name = counter(
    "lastunit_purchases_total",
    "Requests to buy, by result: sold, queued, replayed, or the code of the problem they were answered.",
);
pub(super) const RESERVATIONS: Name = counter(
    "lastunit_reservations_total",
    "Requests to reserve, by result: held, replayed, or the code of the problem they were answered.",
);
pub(super) const CONNECTIONS: Name = gauge("lastunit_connections", "Open HTTP connections.");
pub(super) const CONNECTIONS_ACCEPTED: Name =
    counter("lastunit_connections_accepted_total", "HTTP connections accepted and served.");
pub(super) const CONNECTIONS_REFUSED: Name = counter(
    "lastunit_connections_refused_total",
    "HTTP connections answered 503 because the limit on connections was reached.",
);
pub(super) const CONNECTIONS_TIMED_OUT: Name = counter(
    "lastunit_connections_timed_out_total",
    "HTTP connections closed because a request's head took too long, or because they were idle.",
);
pub(super) const ACCEPT_ERRORS: Name = counter(
    "lastunit_accept_errors_total",
    "Connections that could not be accepted, for example for want of file descriptors.",
);
pub(super) const HANDLER_PANICS: Name = counter(
    "lastunit_handler_panics_total",
    "HTTP handlers that panicked; each is a bug and was answered 500.",
);
pub(super) const COMMIT_SECONDS: Name =
    histogram("lastunit_commit_seconds", SECONDS, "Time of one commit of the journal.");
pub(super) const BATCH_EVENTS: Name =
    histogram("lastunit_batch_events", COUNTS, "Events in one commit of the journal.");
pub(super) const COMMIT_FAILURES: Name = counter(
    "lastunit_commit_failures_total",
    "Commits that did not succeed, by outcome: unavailable, full, unknown, fenced or broken.",
);
pub(super) const INFLIGHT_COMMANDS: Name =
    gauge("lastunit_inflight_commands", "Commands that are decided or wait for their commit.");
pub(super) const ACTORS_ACTIVE: Name =
    gauge("lastunit_actors_active", "Products whose actor is awake.");
pub(super) const HOLDS_ACTIVE: Name = gauge("lastunit_holds_active", "Active holds.");
pub(super) const HOLDS_EXPIRED: Name =
    counter("lastunit_holds_expired_total", "Holds whose time ran out.");
pub(super) const QUEUE_DEPTH: Name =
    gauge("lastunit_queue_depth", "Asynchronous purchases that wait for their turn.");
pub(super) const QUEUE_OLDEST_AGE_SECONDS: Name = gauge(
    "lastunit_queue_oldest_age_seconds",
    "How long the oldest asynchronous purchase has been waiting; 0 while none waits.",
);
pub(super) const QUEUE_DECIDED: Name = counter(
    "lastunit_queue_decided_total",
    "Asynchronous purchases whose turn came, by result: confirmed, refused or failed.",
);
pub(super) const UNITS_SOLD: Name = counter(
    "lastunit_units_sold_total",
    "Units that were sold, durably: by purchases at once or in turn, by orders that were paid, and by holds \
     that were confirmed.",
);
pub(super) const STOCK_AVAILABLE: Name = gauge(
    "lastunit_stock_available",
    "Units that can be bought, of products in memory whose sale has a time window and is open; the \
     hundred newest of them.",
);
pub(super) const STOCK_HELD: Name = gauge(
    "lastunit_stock_held",
    "Units that are held, of the products of lastunit_stock_available.",
);
pub(super) const STOCK_SOLD: Name = gauge(
    "lastunit_stock_sold",
    "Units that are sold, of the products of lastunit_stock_available.",
);
pub(super) const STOCK_MISMATCHES: Name = gauge(
    "lastunit_stock_mismatches",
    "Products of lastunit_stock_available whose units do not add up, or are others in the query tables.",
);
pub(super) const SALE_UNITS: Name = gauge(
    "lastunit_sale_units",
    "Units of each part of a running sale, sold ones included, of the products of lastunit_stock_available.",
);
pub(super) const SALE_SOLD: Name = gauge(
    "lastunit_sale_sold",
    "Units sold under each part of a running sale, without what came back, as the query tables have it.",
);
pub(super) const SALE_REVENUE: Name = gauge(
    "lastunit_sale_revenue_minor_units",
    "What the units of lastunit_sale_sold were sold for, in minor units (cents) of the currency.",
);
pub(super) const PROJECTION_LAG_SECONDS: Name = gauge(
    "lastunit_projection_lag_seconds",
    "Age of the oldest durable batch that is not in the query tables yet.",
);
pub(super) const PROJECTION_EVENTS: Name =
    counter("lastunit_projection_events_total", "Events written to the query tables.");
pub(super) const PROJECTION_FAILURES: Name = counter(
    "lastunit_projection_failures_total",
    "Transactions of the projection that failed and will be tried again.",
);
pub(super) const JOBS_WAITING: Name = gauge(
    "lastunit_jobs_waiting",
    "Jobs that payments and orders have left and that are not done yet.",
);
pub(super) const JOBS_DEAD: Name = gauge(
    "lastunit_jobs_dead",
    "Jobs that payments and orders have left, were given up, and wait for an operator.",
);
pub(super) const JOB_ATTEMPTS: Name = counter(
    "lastunit_job_attempts_total",
    "Attempts at jobs that payments and orders have left, by result: done, failed (tried again), dead (given up).",
);
pub(super) const PAYMENT_NOTICES: Name = counter(
    "lastunit_payment_notices_total",
    "Notices of a payment provider, by result: confirmed, cancelled, late, ignored, mismatch (another \
     amount or currency than the order's) or refused.",
);
pub(super) const RATE_LIMITED: Name = counter(
    "lastunit_rate_limited_total",
    "Requests answered 429, by limit (address, server, customer, product) and budget.",
);
pub(super) const SHED: Name = counter(
    "lastunit_shed_total",
    "Requests turned away with 503 before anybody looked at them, because of the load, by budget.",
);
pub(super) const SHEDDING_LEVEL: Name = gauge(
    "lastunit_shedding_level",
    "What is turned away because of the load: 0 nothing, 1 lists, 2 other reading, 3 signing in, 4 changes.",
);
pub(super) const SIGN_INS: Name = counter(
    "lastunit_sign_ins_total",
    "Requests to register, to sign in and to refresh, by result: registered, signed-in, refreshed, \
     refused (wrong address or password), throttled, reused (a refresh token came twice), busy.",
);
pub(super) const TOKEN_CHECKS: Name = counter(
    "lastunit_token_checks_total",
    "Tokens and API keys that were not in the cache, by result: verified or refused.",
);
pub(super) const BUILD_INFO: Name =
    gauge("lastunit_build_info", "Always 1; the label tells the version that runs.");
pub(super) const PROCESS_CPU_SECONDS: Name = counter(
    "lastunit_process_cpu_seconds_total",
    "CPU time that the process has used, on all cores together.",
);
pub(super) const PROCESS_RESIDENT_BYTES: Name =
    gauge("lastunit_process_resident_bytes", "Memory of the process that is in RAM.");
pub(super) const PROCESS_OPEN_FILES: Name = gauge(
    "lastunit_process_open_files",
    "Open file descriptors of the process, connections included.",
);
pub(super) const PROCESS_OPEN_FILES_MAX: Name = gauge(
    "lastunit_process_open_files_max",
    "File descriptors that the system allows the process.",
);
pub(super) const PROCESS_START_SECONDS: Name = gauge(
    "lastunit_process_start_time_seconds",
    "When the process was started, in seconds since 1970.",
);
pub(super) const LIVE_CLIENTS: Name =
    gauge("lastunit_live_clients", "Connected clients of live updates, by transport.");
pub(super) const LIVE_SUBSCRIPTIONS: Name =
    gauge("lastunit_live_subscriptions", "Topics that clients follow, by kind of topic.");
pub(super) const LIVE_UPDATES: Name = counter(
    "lastunit_live_updates_total",
    "New values of topics, each encoded once for all clients, by kind of topic.",
);
pub(super) const LIVE_MESSAGES: Name =
    counter("lastunit_live_messages_total", "Values handed to clients.");
pub(super) const LIVE_CLOSED: Name = counter(
    "lastunit_live_closed_total",
    "Clients of live updates that left, by reason: left, silent, slow, signed-out (their token is over), \
     misbehaved (messages against the protocol or too many) or shutdown.",
);
pub(super) const LIVE_REFUSED: Name = counter(
    "lastunit_live_refused_total",
    "Clients and topics that were refused, by reason: clients, address, topics, unknown or forbidden.",
);
pub(super) const LIVE_ROUND_SECONDS: Name = histogram(
    "lastunit_live_round_seconds",
    SECONDS,
    "Time to tell all followers of a topic that it has a new value.",
);

/// Every metric there is.
pub(super) const ALL: &[Name] = &[
    REQUEST_SECONDS,
    PURCHASES,
    RESERVATIONS,
    CONNECTIONS,
    CONNECTIONS_ACCEPTED,
    CONNECTIONS_REFUSED,
    CONNECTIONS_TIMED_OUT,
    ACCEPT_ERRORS,
    HANDLER_PANICS,
    COMMIT_SECONDS,
    BATCH_EVENTS,
    COMMIT_FAILURES,
    INFLIGHT_COMMANDS,
    ACTORS_ACTIVE,
    HOLDS_ACTIVE,
    HOLDS_EXPIRED,
    QUEUE_DEPTH,
    QUEUE_OLDEST_AGE_SECONDS,
    QUEUE_DECIDED,
    UNITS_SOLD,
    STOCK_AVAILABLE,
    STOCK_HELD,
    STOCK_SOLD,
    STOCK_MISMATCHES,
    SALE_UNITS,
    SALE_SOLD,
    SALE_REVENUE,
    PROJECTION_LAG_SECONDS,
    PROJECTION_EVENTS,
    PROJECTION_FAILURES,
    JOBS_WAITING,
    JOBS_DEAD,
    JOB_ATTEMPTS,
    PAYMENT_NOTICES,
    RATE_LIMITED,
    SHED,
    SHEDDING_LEVEL,
    SIGN_INS,
    TOKEN_CHECKS,
    BUILD_INFO,
    PROCESS_CPU_SECONDS,
    PROCESS_RESIDENT_BYTES,
    PROCESS_OPEN_FILES,
    PROCESS_OPEN_FILES_MAX,
    PROCESS_START_SECONDS,
    LIVE_CLIENTS,
    LIVE_SUBSCRIPTIONS,
    LIVE_UPDATES,
    LIVE_MESSAGES,
    LIVE_CLOSED,
    LIVE_REFUSED,
    LIVE_ROUND_SECONDS,
];
