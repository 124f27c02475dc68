//! The fast usual answer: a Lua script in Redis takes from the stock and appends the order to a
//! stream, atomically. How much of it survives a crash is up to `appendfsync`.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use redis::{
    AsyncCommands, Client, Script,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use uuid::Uuid;

use super::{
    STOCK, StoreFailed,
    documents::{self, Purchase},
};

/// The client's own limit of half a second would fail requests instead of making them wait.
const PATIENCE: Duration = Duration::from_secs(30);
const UNIT_PRICE: i64 = 99_999;

const SELL: &str = "
local left = tonumber(redis.call('GET', KEYS[1]))
local quantity = tonumber(ARGV[1])
if left < quantity then return 0 end
redis.call('DECRBY', KEYS[1], quantity)
redis.call('XADD', KEYS[2], '*', 'order', ARGV[2], 'customer', ARGV[3], 'quantity', ARGV[1])
return 1";

#[derive(Clone)]
struct Shop {
    redis: ConnectionManager,
    sell: Arc<Script>,
}

pub async fn routes(redis_url: &str) -> Result<Router> {
    let client = Client::open(redis_url).context("cannot use the Redis URL")?;
    let config = ConnectionManagerConfig::new().set_response_timeout(Some(PATIENCE));
    let mut redis = ConnectionManager::new_with_config(client, config)
        .await
        .context("cannot connect to Redis")?;
    let () = redis.set(stock_key(1), STOCK).await.context("cannot create the product")?;
    Ok(Router::new()
        .route("/api/v1/purchases", post(purchase))
        .route("/api/v1/products/{id}/stock", get(stock))
        .with_state(Shop { redis, sell: Arc::new(Script::new(SELL)) }))
}

async fn purchase(
    State(mut shop): State<Shop>,
    Json(purchase): Json<Purchase>,
) -> Result<Response, StoreFailed> {
    let order = Uuid::now_v7();
    let sold: bool = shop
        .sell
        .key(stock_key(purchase.product_id))
        .key(format!("orders:{}", purchase.product_id))
        .arg(purchase.quantity)
        .arg(order.as_bytes())
        .arg(&purchase.customer_id)
        .invoke_async(&mut shop.redis)
        .await?;
    Ok(if sold { documents::sold(order, purchase, UNIT_PRICE) } else { documents::sold_out() })
}

async fn stock(
    State(mut shop): State<Shop>,
    Path(product): Path<i64>,
) -> Result<Response, StoreFailed> {
    Ok(documents::stock(shop.redis.get(stock_key(product)).await?))
}

fn stock_key(product: i64) -> String {
    format!("stock:{product}")
}
