//! SKUs: each is one product's, though every product decides for itself.
//!
//! Products live in different partitions, and a table of SKUs beside the journal would be a second
//! truth. So who has a SKU is what the journal says: the query tables have everything up to the
//! position where this server began, and this map has whatever was claimed, settled or freed since, by
//! the only process that can have done so. A claim is made before anything is decided, so of two
//! requests at once the second finds the first; a crash forgets claims, and with them nothing, for
//! then the journal up to the crash is what the tables must have before the next claim.
//!
//! What must never happen: an answer from tables that are behind the position this map begins at.

use crate::domain::ProductId;
use crate::journal::Seq;
use parking_lot::Mutex;
use std::collections::HashMap;

/// From this many on, those that the tables have meanwhile are forgotten.
const MANY: usize = 10_000;

/// With this many no more are claimed.
const TOO_MANY: usize = 100_000;

/// Whose a SKU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    /// A request is on its way, or its outcome is unknown.
    Claimed,
    Product(ProductId),
    /// It was given up.
    Nobody,
}

struct State {
    since: Vec<Seq>,
    /// Each with the moment it became so.
    holders: HashMap<String, (Holder, u64)>,
    moment: u64,
}

/// All SKUs that anything happened to since a position of the journal.
pub(super) struct Skus(Mutex<State>);

/// The right to use a SKU; given back by [`Skus::settle`] or [`Skus::let_go`].
#[must_use]
pub(super) struct Claim {
    sku: String,
    before: Option<Holder>,
}

impl Claim {
    /// The tables need not be asked.
    pub(super) const fn is_decided(&self) -> bool {
        self.before.is_some()
    }
}

impl State {
    fn set(&mut self, sku: String, holder: Holder) {
        self.moment += 1;
        self.holders.insert(sku, (holder, self.moment));
    }
}

impl Skus {
    pub(super) fn since(since: Vec<Seq>) -> Self {
        Self(Mutex::new(State { since, holders: HashMap::new(), moment: 0 }))
    }

    /// The tables know about SKUs only when they are here.
    pub(super) fn since_when(&self) -> Vec<Seq> {
        self.0.lock().since.clone()
    }

    /// Claims a SKU for a product, or for one that is to be created. Unless the claim is decided, the
    /// tables must be asked before it is used.
    pub(super) fn claim(
        &self,
        sku: &str,
        by: Option<ProductId>,
    ) -> Result<Claim, Option<ProductId>> {
        let mut state = self.0.lock();
        let before = state.holders.get(sku).map(|(holder, _)| *holder);
        match before {
            Some(Holder::Claimed) => return Err(None),
            Some(Holder::Product(product)) if Some(product) != by => return Err(Some(product)),
            Some(Holder::Product(_) | Holder::Nobody) | None => {}
        }
        state.set(sku.to_owned(), Holder::Claimed);
        Ok(Claim { sku: sku.to_owned(), before })
    }

    /// The product has it now, and that is durable.
    pub(super) fn settle(&self, claim: Claim, product: ProductId) {
        self.0.lock().set(claim.sku, Holder::Product(product));
    }

    /// Nothing came of it.
    pub(super) fn let_go(&self, claim: Claim) {
        let mut state = self.0.lock();
        match claim.before {
            Some(holder) => state.set(claim.sku, holder),
            None => drop(state.holders.remove(&claim.sku)),
        }
    }

    /// A product gave it up, and that is durable. The tables may have said so before, and somebody
    /// else may have claimed it since: then it is theirs.
    pub(super) fn free(&self, sku: &str, by: ProductId) {
        let mut state = self.0.lock();
        let holder = state.holders.get(sku).map(|(holder, _)| *holder);
        if holder.is_none_or(|holder| holder == Holder::Product(by)) {
            state.set(sku.to_owned(), Holder::Nobody);
        }
    }

    pub(super) fn are_many(&self) -> bool {
        self.0.lock().holders.len() >= MANY
    }

    pub(super) fn are_too_many(&self) -> bool {
        self.0.lock().holders.len() >= TOO_MANY
    }

    /// Everything that happened until this moment is durable, or still only claimed.
    pub(super) fn moment(&self) -> u64 {
        self.0.lock().moment
    }

    /// Leaves to the tables what happened until a moment; they have reached a position that was
    /// durable after it.
    pub(super) fn forget(&self, moment: u64, reached: Vec<Seq>) {
        let mut state = self.0.lock();
        state.holders.retain(|_, (holder, at)| *holder == Holder::Claimed || *at > moment);
        // Two may come at once: a position never falls.
        for (since, reached) in state.since.iter_mut().zip(reached) {
            *since = (*since).max(reached);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: u64) -> ProductId {
        ProductId::new(id).unwrap()
    }

    #[test]
    fn of_two_claims_at_once_one_is_refused() {
        let skus = Skus::since(vec![Seq(1)]);
        let first = skus.claim("A", None).ok().unwrap();
        assert!(!first.is_decided(), "the tables must be asked");
        assert_eq!(skus.claim("A", None).err(), Some(None));
        skus.let_go(first);
        let second = skus.claim("A", None).ok().unwrap();
        skus.settle(second, product(7));
        assert_eq!(skus.claim("A", None).err(), Some(Some(product(7))));
        assert_eq!(skus.claim("A", Some(product(8))).err(), Some(Some(product(7))));
        let own = skus.claim("A", Some(product(7))).ok().unwrap();
        assert!(own.is_decided());
        skus.let_go(own);
        assert_eq!(skus.claim("A", None).err(), Some(Some(product(7))));
        // Given up, whatever the tables still say.
        skus.free("A", product(7));
        assert!(skus.claim("A", None).ok().unwrap().is_decided());
    }

    /// The tables can be faster than the handler of the change.
    #[test]
    fn what_somebody_else_claimed_is_not_freed() {
        let skus = Skus::since(vec![Seq(1)]);
        let claim = skus.claim("A", None).ok().unwrap();
        skus.free("A", product(7));
        assert_eq!(skus.claim("A", None).err(), Some(None));
        skus.settle(claim, product(8));
        skus.free("A", product(7));
        assert_eq!(skus.claim("A", None).err(), Some(Some(product(8))));
    }

    #[test]
    fn only_what_the_tables_have_is_forgotten() {
        let skus = Skus::since(vec![Seq(1), Seq(5)]);
        let settled = skus.claim("settled", None).ok().unwrap();
        skus.settle(settled, product(1));
        let _running = skus.claim("running", None).ok().unwrap();
        let moment = skus.moment();
        let later = skus.claim("later", None).ok().unwrap();
        skus.settle(later, product(2));
        skus.forget(moment, vec![Seq(3), Seq(4)]);
        assert_eq!(skus.since_when(), [Seq(3), Seq(5)]);
        assert!(!skus.claim("settled", None).ok().unwrap().is_decided());
        assert_eq!(skus.claim("running", None).err(), Some(None));
        assert_eq!(skus.claim("later", None).err(), Some(Some(product(2))));
    }
}
