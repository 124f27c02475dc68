//! Carts in Redis: a hash for each cart (product → line), a script for each change, and Redis's own
//! expiry. What a restart of Redis keeps is decided by its `appendonly`.
//!
//! One connection serves everybody; commands of many callers travel on it together. When it breaks,
//! the next question connects again, and whoever asks meanwhile is told within a bounded time.

use super::rules::{CartFull, LINES_MAX, Line};
use super::session::SessionId;
use super::store::{CartError, CartStore, OpenError, StoredLine, Taken, Unprepared, When};
use crate::domain::Timestamp;
use async_trait::async_trait;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{AsyncCommands, Client, IntoConnectionInfo, RedisError, Script};
use std::collections::HashMap;
use std::time::Duration;

/// How long connecting and one answer may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// The same together, whatever the client does meanwhile.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line is `quantity amount currency added_at`. What is there keeps all but its quantity. Gives the
/// line as it is now, or nothing when the cart is full.
const PUT: &str = "
local there = redis.call('HGET', KEYS[1], ARGV[1])
if not there and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[5]) then return false end
local rest = there and string.match(there, '^%S+ (.*)$') or ARGV[3]
local line = ARGV[2] .. ' ' .. rest
redis.call('HSET', KEYS[1], ARGV[1], line)
redis.call('PEXPIREAT', KEYS[1], ARGV[4])
return line";

/// Pairs of product and quantity; an empty quantity is any.
const TAKE: &str = "
local gone = 0
for at = 2, #ARGV, 2 do
  local there = redis.call('HGET', KEYS[1], ARGV[at])
  local quantity = ARGV[at + 1]
  if there and (quantity == '' or string.match(there, '^%S+') == quantity) then
    gone = gone + redis.call('HDEL', KEYS[1], ARGV[at])
  end
end
if gone > 0 then redis.call('PEXPIREAT', KEYS[1], ARGV[1]) end
return gone";

const CLEAR: &str = "
local gone = redis.call('HLEN', KEYS[1])
redis.call('DEL', KEYS[1])
return gone";

/// Whether a URL names a Redis that this program can speak to: `redis://…`, without TLS.
#[must_use]
pub fn check_url(url: &str) -> bool {
    url.starts_with("redis://") && url.into_connection_info().is_ok()
}

pub(super) struct RedisCarts {
    connection: ConnectionManager,
    /// Host and port, for messages.
    name: String,
    put: Script,
    take: Script,
    clear: Script,
}

impl RedisCarts {
    /// Connects when it is first asked: Redis may be away at the start.
    pub(super) fn open(url: &str) -> Result<Self, OpenError> {
        // The parser's own error may repeat the URL, and with it a password.
        let unusable = |_: RedisError| {
            OpenError("redis.url is not usable: write redis://user:password@host:port/0".to_owned())
        };
        let client = Client::open(url).map_err(unusable)?;
        let name = client.get_connection_info().addr().to_string();
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_number_of_retries(0);
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(unusable)?;
        let (put, take, clear) = (Script::new(PUT), Script::new(TAKE), Script::new(CLEAR));
        Ok(Self { connection, name, put, take, clear })
    }

    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, RedisError>> + Send,
    ) -> Result<T, CartError> {
        let away =
            |reason: String| CartError::Unavailable(format!("Redis at {}: {reason}", self.name));
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(answer) => answer.map_err(|error| away(error.to_string())),
            Err(_) => Err(away("no answer in time".to_owned())),
        }
    }
}

fn key(session: &SessionId) -> String {
    format!("lastunit:cart:{}", session.as_str())
}

/// What stands behind the quantity.
fn rest(line: &Line) -> String {
    let price = line.added_price;
    format!("{} {} {}", price.amount, price.currency.as_str(), line.added_at.as_millis())
}

fn read_line(product: i64, text: &str) -> Result<Line, CartError> {
    let mut words = text.split(' ');
    let mut stored = || {
        let quantity = words.next()?.parse().ok()?;
        let amount = words.next()?.parse().ok()?;
        let currency = words.next()?;
        let added_at = words.next()?.parse().ok()?;
        Some(StoredLine { product, quantity, amount, currency, added_at })
    };
    let damaged = || CartError::Damaged(format!("a line of product {product}"));
    stored().ok_or_else(damaged)?.read()
}

#[async_trait]
impl CartStore for RedisCarts {
    async fn prepare(&self) -> Result<(), Unprepared> {
        let mut connection = self.connection.clone();
        let ping = async { redis::cmd("PING").query_async::<()>(&mut connection).await };
        self.in_time(ping).await.map_err(|error| Unprepared::Away(error.to_string()))
    }

    async fn read(&self, session: &SessionId, _: Timestamp) -> Result<Vec<Line>, CartError> {
        let mut connection = self.connection.clone();
        let asked = async { connection.hgetall(key(session)).await };
        let fields: HashMap<i64, String> = self.in_time(asked).await?;
        fields.iter().map(|(product, text)| read_line(*product, text)).collect()
    }

    async fn put(&self, session: &SessionId, line: Line, when: When) -> Result<Line, CartError> {
        let mut connection = self.connection.clone();
        let mut call = self.put.key(key(session));
        call.arg(line.product.to_column())
            .arg(line.quantity.get())
            .arg(rest(&line))
            .arg(when.expires_at.as_millis())
            .arg(LINES_MAX);
        let there: Option<String> =
            self.in_time(async { call.invoke_async(&mut connection).await }).await?;
        read_line(line.product.to_column(), &there.ok_or(CartFull)?)
    }

    async fn take(&self, session: &SessionId, taken: Taken, when: When) -> Result<u64, CartError> {
        let mut connection = self.connection.clone();
        let call = match taken {
            Taken::All => self.clear.key(key(session)),
            Taken::Products(products) => {
                let mut call = self.take.key(key(session));
                call.arg(when.expires_at.as_millis());
                for (product, quantity) in products {
                    let quantity = quantity.map(|quantity| quantity.get().to_string());
                    call.arg(product.to_column()).arg(quantity.unwrap_or_default());
                }
                call
            }
        };
        self.in_time(async { call.invoke_async(&mut connection).await }).await
    }

    /// Redis does it by itself.
    async fn sweep(&self, _: Timestamp, _: u32) -> Result<u64, CartError> {
        Ok(0)
    }

    async fn close(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_redis_or_are_refused() {
        for good in ["redis://h", "redis://h:6380/3", "redis://ann:secret@h:1/0", "redis://:s@h"] {
            assert!(check_url(good), "{good}");
        }
        for bad in ["", "h", "rediss://h", "http://h", "redis://", "redis://h:x", "redis://h/x"] {
            assert!(!check_url(bad), "{bad}");
        }
    }

    #[test]
    fn lines_read_back_and_nothing_else_does() {
        let line = read_line(7, "3 99999 USD 1000").unwrap();
        assert_eq!((line.product.get(), line.quantity.get()), (7, 3));
        assert_eq!(rest(&line), "99999 USD 1000");
        for bad in ["", "3", "0 1 USD 1", "1001 1 USD 1", "1 -1 USD 1", "1 1 usd 1", "1 1 USD x"] {
            assert!(matches!(read_line(7, bad), Err(CartError::Damaged(_))), "{bad}");
        }
    }
}
