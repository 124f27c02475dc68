//! Idempotency keys of sales: which sale was created with which key, whatever its products are.
//!
//! A product remembers the key of a sale that was set with it last, but only who asks that product finds
//! it: a repetition that names other products would become a second sale. So all keys of the last day are
//! known here. Owned by whoever changes sales, one at a time.
//!
//! ```text
//!   unread ──the tables have caught up──▶ read ──each sale that is created──▶ read
//! ```
//!
//! While they are unread and the database is away, a sale with a key is refused: what must never happen is
//! a second sale under a key. Their number is bounded; a day with more sales than that is refused, too.

use super::{CatalogError, Inner, PATIENCE, SaleError};
use crate::domain::{Fingerprint, REMEMBERED_MS, Refusal, RequestKey, Retry, SaleId, Timestamp};
use crate::engine::EngineError;
use crate::projection::SaleKeyRow;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Most keys of a day.
const KEYS_MAX: u32 = 10_000;

type Keys = BTreeMap<RequestKey, (Fingerprint, SaleId, Timestamp)>;

/// `None` until they are read from the tables.
#[derive(Debug, Default)]
pub(super) struct SaleKeys(Mutex<Option<Keys>>);

impl SaleKeys {
    fn are_read(&self) -> bool {
        self.0.lock().is_some()
    }

    fn read(&self, rows: impl IntoIterator<Item = SaleKeyRow>) {
        let entry =
            |row: SaleKeyRow| (row.retry.key, (row.retry.fingerprint, row.sale, row.created_at));
        *self.0.lock() = Some(rows.into_iter().map(entry).collect());
    }

    /// The sale of a key; a key of something else is refused, and a new one where there is no room.
    fn find(&self, retry: Retry, now: Timestamp) -> Result<Option<SaleId>, Refusal> {
        let mut keys = self.0.lock();
        let Some(keys) = keys.as_mut() else { return Ok(None) };
        match keys.get(&retry.key) {
            Some((fingerprint, sale, _)) if *fingerprint == retry.fingerprint => {
                return Ok(Some(*sale));
            }
            Some((.., at)) if now.millis_since(*at) <= REMEMBERED_MS => {
                return Err(Refusal::KeyReused);
            }
            _ => {}
        }
        if keys.len() >= KEYS_MAX as usize {
            keys.retain(|_, (.., at)| now.millis_since(*at) <= REMEMBERED_MS);
        }
        if keys.len() >= KEYS_MAX as usize {
            Err(Refusal::Full { table: "keys" })
        } else {
            Ok(None)
        }
    }

    pub(super) fn learn(&self, retry: Retry, sale: SaleId, at: Timestamp) {
        if let Some(keys) = self.0.lock().as_mut() {
            keys.insert(retry.key, (retry.fingerprint, sale, at));
        }
    }
}

impl Inner {
    /// The sale that was created with this key. Asked while no other sale is changed.
    pub(super) async fn sale_of_key(
        &self,
        retry: Retry,
        now: Timestamp,
    ) -> Result<Option<SaleId>, SaleError> {
        if !self.sale_keys.are_read() {
            if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
                return Err(CatalogError::Behind.into());
            }
            let since = now.as_millis().saturating_sub(REMEMBERED_MS);
            let rows = self.queries.sale_keys(Timestamp::from_millis(since), KEYS_MAX).await;
            self.sale_keys.read(rows.map_err(CatalogError::from)?);
        }
        Ok(self.sale_keys.find(retry, now).map_err(EngineError::Refused)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_bounded_and_make_room_after_a_day() {
        let keys = SaleKeys::default();
        let at = |millis| Timestamp::from_millis(millis);
        let retry = |number: u32, meaning| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&number.to_le_bytes());
            Retry { key: RequestKey(key), fingerprint: Fingerprint(meaning) }
        };
        let sale = |number: u32| SaleId::new(u64::from(number) + 1).expect("a sale");
        keys.learn(retry(0, 7), sale(0), at(5));
        assert!(!keys.are_read(), "nothing is learned before all are read");
        let row =
            |number| SaleKeyRow { sale: sale(number), retry: retry(number, 7), created_at: at(5) };
        keys.read((1..KEYS_MAX).map(row));
        assert_eq!(keys.find(retry(0, 7), at(6)), Ok(None));
        keys.learn(retry(0, 7), sale(0), at(6));
        assert_eq!(keys.find(retry(0, 7), at(6)), Ok(Some(sale(0))));
        assert_eq!(keys.find(retry(0, 8), at(6)), Err(Refusal::KeyReused));
        assert_eq!(keys.find(retry(KEYS_MAX, 7), at(6)), Err(Refusal::Full { table: "keys" }));
        assert_eq!(keys.find(retry(KEYS_MAX, 7), at(6 + REMEMBERED_MS)), Ok(None));
        assert_eq!(keys.find(retry(0, 8), at(6 + REMEMBERED_MS)), Err(Refusal::KeyReused));
    }
}
