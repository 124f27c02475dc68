//! Changes: what a shop may change of a product that is there.
//!
//! The rules look at the price and at whether it is sold; the texts are for readers, and live in the
//! fact and in the query tables alone.

use super::{CatalogEntry, Money};
use std::collections::BTreeMap;

/// What becomes of a field that may be absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Field<T> {
    #[default]
    Keep,
    Clear,
    Set(T),
}

impl<T: Clone> Field<T> {
    /// The field after the change.
    pub fn change(&self, field: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = Some(value.clone()),
        }
    }
}

/// New values; whatever is not named stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    pub name: Option<String>,
    /// In the currency the product is sold in.
    pub price: Option<Money>,
    /// Whether it is sold.
    pub active: Option<bool>,
    pub sku: Field<String>,
    pub description: Field<String>,
    pub category: Field<String>,
    pub image_url: Field<String>,
    /// All of them, in place of all there were.
    pub attributes: Option<BTreeMap<String, String>>,
}

impl Change {
    /// Names nothing but whether the product is sold.
    #[must_use]
    pub fn is_of_activity_alone(&self) -> bool {
        *self == Self { active: self.active, ..Self::default() }
    }

    /// Takes the texts into what the catalogue shows.
    pub fn describe(&self, entry: &mut CatalogEntry) {
        if let Some(name) = &self.name {
            entry.name.clone_from(name);
        }
        self.sku.change(&mut entry.sku);
        self.description.change(&mut entry.description);
        self.category.change(&mut entry.category);
        self.image_url.change(&mut entry.image_url);
        if let Some(attributes) = &self.attributes {
            entry.attributes.clone_from(attributes);
        }
    }
}
