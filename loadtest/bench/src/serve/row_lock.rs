//! The usual answer: a conditional UPDATE takes the row's lock, the order is inserted under it, and
//! everybody else waits for the COMMIT. Four round trips, one sync, one buyer at a time.

use std::time::Duration;

use anyhow::{Context, Result};
use axum::{
    Json, Router,
    extract::{Path, State},
    response::Response,
    routing::{get, post},
};
use sqlx::{PgPool, postgres::PgPoolOptions};
use uuid::Uuid;

use super::{
    STOCK, StoreFailed,
    documents::{self, Purchase},
};

/// A thousand connections wait for a few sessions; none of them may give up.
const PATIENCE: Duration = Duration::from_mins(1);

const TABLES: [&str; 2] = [
    "CREATE TABLE product (
        id bigint PRIMARY KEY,
        unit_price bigint NOT NULL,
        stock bigint NOT NULL CHECK (stock >= 0))",
    "CREATE TABLE orders (
        id uuid PRIMARY KEY,
        product_id bigint NOT NULL,
        customer_id text NOT NULL,
        quantity bigint NOT NULL,
        unit_price bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now())",
];

pub async fn routes(database_url: &str, pool_size: u32) -> Result<Router> {
    let pool = PgPoolOptions::new()
        .max_connections(pool_size)
        .min_connections(pool_size)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .connect(database_url)
        .await
        .context("cannot connect to Postgres")?;
    for table in TABLES {
        sqlx::query(table).execute(&pool).await.context("cannot create a table")?;
    }
    sqlx::query("INSERT INTO product VALUES (1, 99999, $1)")
        .bind(STOCK)
        .execute(&pool)
        .await
        .context("cannot create the product")?;
    Ok(Router::new()
        .route("/api/v1/purchases", post(purchase))
        .route("/api/v1/products/{id}/stock", get(stock))
        .with_state(pool))
}

async fn purchase(
    State(pool): State<PgPool>,
    Json(purchase): Json<Purchase>,
) -> Result<Response, StoreFailed> {
    let mut transaction = pool.begin().await?;
    let unit_price: Option<i64> = sqlx::query_scalar(
        "UPDATE product SET stock = stock - $1 WHERE id = $2 AND stock >= $1 RETURNING unit_price",
    )
    .bind(purchase.quantity)
    .bind(purchase.product_id)
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(unit_price) = unit_price else {
        transaction.rollback().await?;
        return Ok(documents::sold_out());
    };
    let order = Uuid::now_v7();
    sqlx::query(
        "INSERT INTO orders (id, product_id, customer_id, quantity, unit_price) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(order)
    .bind(purchase.product_id)
    .bind(&purchase.customer_id)
    .bind(purchase.quantity)
    .bind(unit_price)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(documents::sold(order, purchase, unit_price))
}

async fn stock(
    State(pool): State<PgPool>,
    Path(product): Path<i64>,
) -> Result<Response, StoreFailed> {
    let left = sqlx::query_scalar("SELECT stock FROM product WHERE id = $1")
        .bind(product)
        .fetch_one(&pool)
        .await?;
    Ok(documents::stock(left))
}
