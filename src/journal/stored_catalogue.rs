//! Stored types of the catalogue: what is said of a product, and changes of it.
//!
//! Part of [`super::stored`], whose rules about versions hold here too.

use super::stored::{StoredOffer, StoredRetry};
use crate::domain::{CatalogEntry, Change, Currency, Event, Field, Money, Offer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A creation with what the first version of it did not know.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredCreation<'a> {
    offer: StoredOffer,
    units: u64,
    name: &'a str,
    sku: Option<&'a str>,
    description: Option<&'a str>,
    category: Option<&'a str>,
    image_url: Option<&'a str>,
    #[serde(borrow)]
    attributes: Vec<(&'a str, &'a str)>,
}

impl<'a> StoredCreation<'a> {
    /// The first version does not do.
    pub(super) fn is_needed(entry: &CatalogEntry) -> bool {
        entry.image_url.is_some() || !entry.attributes.is_empty()
    }

    pub(super) fn new(offer: &Offer, units: u64, entry: &'a CatalogEntry) -> Self {
        Self {
            offer: offer.into(),
            units,
            name: &entry.name,
            sku: entry.sku.as_deref(),
            description: entry.description.as_deref(),
            category: entry.category.as_deref(),
            image_url: entry.image_url.as_deref(),
            attributes: stored_attributes(&entry.attributes),
        }
    }

    pub(super) fn event(self) -> Event {
        let entry = CatalogEntry {
            name: self.name.into(),
            sku: self.sku.map(Into::into),
            description: self.description.map(Into::into),
            category: self.category.map(Into::into),
            image_url: self.image_url.map(Into::into),
            attributes: attributes_of(self.attributes),
        };
        Event::Created { offer: self.offer.into(), units: self.units, entry: Box::new(entry) }
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredChange<'a> {
    name: Option<&'a str>,
    price: Option<(u64, [u8; 3])>,
    active: Option<bool>,
    #[serde(borrow)]
    sku: StoredField<'a>,
    #[serde(borrow)]
    description: StoredField<'a>,
    #[serde(borrow)]
    category: StoredField<'a>,
    #[serde(borrow)]
    image_url: StoredField<'a>,
    #[serde(borrow)]
    attributes: Option<Vec<(&'a str, &'a str)>>,
    retry: Option<StoredRetry>,
}

impl<'a> StoredChange<'a> {
    pub(super) fn new(change: &'a Change, retry: Option<StoredRetry>) -> Self {
        Self {
            name: change.name.as_deref(),
            price: change.price.map(|price| (price.amount, price.currency.letters())),
            active: change.active,
            sku: (&change.sku).into(),
            description: (&change.description).into(),
            category: (&change.category).into(),
            image_url: (&change.image_url).into(),
            attributes: change.attributes.as_ref().map(stored_attributes),
            retry,
        }
    }

    pub(super) fn event(self) -> Event {
        let money = |(amount, letters)| Money { amount, currency: Currency::from_journal(letters) };
        let change = Change {
            name: self.name.map(Into::into),
            price: self.price.map(money),
            active: self.active,
            sku: self.sku.into(),
            description: self.description.into(),
            category: self.category.into(),
            image_url: self.image_url.into(),
            attributes: self.attributes.map(attributes_of),
        };
        Event::Changed { change: Box::new(change), retry: self.retry.map(Into::into) }
    }
}

#[derive(Serialize, Deserialize)]
enum StoredField<'a> {
    Keep,
    Clear,
    Set(&'a str),
}

impl<'a> From<&'a Field<String>> for StoredField<'a> {
    fn from(field: &'a Field<String>) -> Self {
        match field {
            Field::Keep => Self::Keep,
            Field::Clear => Self::Clear,
            Field::Set(text) => Self::Set(text),
        }
    }
}

impl From<StoredField<'_>> for Field<String> {
    fn from(stored: StoredField<'_>) -> Self {
        match stored {
            StoredField::Keep => Self::Keep,
            StoredField::Clear => Self::Clear,
            StoredField::Set(text) => Self::Set(text.into()),
        }
    }
}

fn stored_attributes(attributes: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn attributes_of(stored: Vec<(&str, &str)>) -> BTreeMap<String, String> {
    stored.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}
