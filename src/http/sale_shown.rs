//! Sales as they are shown: to customers, to operators, and beside a product.
//!
//! What is left and whether it is open comes from memory, durable state only, of products that are awake;
//! all else from the query tables. Who reads sales wakes no product, but for the limit of a customer in
//! a sale that runs.

use super::Api;
use super::caller::Caller;
use super::problem::{Code, Problem};
use super::respond::MoneyDocument;
use super::time::Rfc3339;
use crate::catalog::SaleAsSet;
use crate::domain::{
    CustomerId, Money, ProductId, SaleShown, SaleState, SaleView, Timestamp, View,
};
use crate::engine::EngineError;
use crate::projection::{SaleProductRow, SaleRow};
use serde::Serialize;

/// One product of a sale.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SaleProduct)]
pub struct SaleProductDocument {
    product_id: u64,
    price: MoneyDocument,
    /// Set aside for the sale, sold ones included.
    units: u64,
    /// What is left of them.
    available: u64,
    /// What is gone: sold, or held for somebody.
    sold: u64,
    limit_per_customer: Option<u32>,
}

/// A sale.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Sale)]
pub struct SaleDocument {
    sale_id: u64,
    name: String,
    /// `scheduled`, `open`, `paused` or `ended`, by the server's clock.
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    starts_at: Rfc3339,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Rfc3339,
    /// Its products are sold at their ordinary terms until it opens.
    sells_before: bool,
    products: Vec<SaleProductDocument>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// Of whoever asks; left out of lists, and of answers to operators' changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    eligibility: Option<EligibilityDocument>,
}

/// Whether somebody can buy in a sale now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Eligibility)]
pub struct EligibilityDocument {
    /// Whether a customer is known: by the token of the caller, or by `customerId`.
    signed_in: bool,
    eligible: bool,
    /// The code that a purchase would be refused with; `null` when eligible.
    reason: Option<&'static str>,
    state: &'static str,
    #[schema(value_type = String, format = DateTime)]
    opens_at: Rfc3339,
    products: Vec<ProductEligibility>,
}

/// The same for one product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct ProductEligibility {
    product_id: u64,
    sold_out: bool,
    /// Units the customer may still buy; `null` without a limit, where nobody is known, or where nobody
    /// can buy now.
    limit_left: Option<u64>,
}

pub(super) const fn state_name(state: SaleState) -> &'static str {
    match state {
        SaleState::Scheduled => "scheduled",
        SaleState::Open => "open",
        SaleState::Paused => "paused",
        SaleState::Ended => "ended",
    }
}

/// The sale of a product that runs, or comes next.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SaleOfProduct)]
pub struct RunningSale {
    sale_id: u64,
    state: &'static str,
    price: MoneyDocument,
    #[schema(value_type = String, format = DateTime)]
    opens_at: Rfc3339,
    #[schema(value_type = String, format = DateTime)]
    ends_at: Rfc3339,
    /// Units that are left for it.
    available: u64,
}

impl RunningSale {
    /// `None` where the sale has ended since it was seen.
    pub(super) fn of(view: Option<SaleView>, now: Timestamp) -> Option<Self> {
        let view = view.filter(|view| view.state(now) != SaleState::Ended)?;
        Some(Self {
            sale_id: view.sale.get(),
            state: state_name(view.state(now)),
            price: view.price.into(),
            opens_at: Rfc3339(view.opens_at),
            ends_at: Rfc3339(view.ends_at),
            available: view.available(),
        })
    }

    pub(super) const fn state(&self) -> &'static str {
        self.state
    }
}

/// A sale with its products: from the tables, and from memory whatever that knows better.
pub(super) struct Shown {
    row: SaleRow,
    parts: Vec<ShownPart>,
    now: Timestamp,
}

struct ShownPart {
    product: ProductId,
    price: Money,
    units: u64,
    limit_per_customer: Option<u32>,
    /// What is left of its units.
    available: u64,
    /// The product is sold at all, as far as memory knows.
    active: bool,
}

/// These sales with their products. Only products that are in memory already know better than the
/// tables: whoever reads sales wakes nothing.
pub(super) async fn shown(api: &Api, rows: Vec<SaleRow>) -> Result<Vec<Shown>, Problem> {
    let now = api.clock.now();
    let sales: Vec<_> = rows.iter().map(|row| row.sale).collect();
    let parts = api.queries.sale_products(&sales).await;
    let mut parts = parts.map_err(|error| Problem::of_query(&error))?;
    let mut all = Vec::with_capacity(rows.len());
    for mut row in rows {
        let mut of_sale = Vec::with_capacity(row.products.len());
        let sale = row.sale;
        for part in parts.extract_if(.., |part| part.sale == sale) {
            // One that left the sale at the moment it sold something is in the numbers only.
            if !row.products.contains(&part.product) {
                continue;
            }
            let mut shown = ShownPart::from(&part);
            if let Some(view) = api.engine.peek(part.product) {
                shown.see(&view, &mut row);
            }
            of_sale.push(shown);
        }
        all.push(Shown { row, parts: of_sale, now });
    }
    Ok(all)
}

impl From<&SaleProductRow> for ShownPart {
    fn from(row: &SaleProductRow) -> Self {
        Self {
            product: row.product,
            price: row.price,
            units: row.units,
            limit_per_customer: row.limit_per_customer,
            available: row.units.saturating_sub(row.sold + row.held),
            active: true,
        }
    }
}

impl ShownPart {
    /// What memory knows better.
    fn see(&mut self, view: &View, row: &mut SaleRow) {
        self.active = view.active;
        let Some(sale) = view.sale.filter(|sale| sale.sale == row.sale) else { return };
        (self.available, self.units, self.price) = (sale.available(), sale.units, sale.price);
        self.limit_per_customer = sale.limit_per_customer;
        (row.opens_at, row.ends_at, row.paused) = (sale.opens_at, sale.ends_at, sale.paused);
    }
}

/// A sale that was just set: the tables may not have it yet, or be away.
pub(super) fn shown_as_set(api: &Api, set: &SaleAsSet) -> Shown {
    let part = |(product, shown): &(ProductId, SaleShown)| ShownPart {
        product: *product,
        price: shown.terms.price,
        units: shown.terms.units,
        limit_per_customer: shown.terms.limit_per_customer,
        available: shown.terms.units.saturating_sub(shown.taken),
        active: true,
    };
    let row = SaleRow::of(&set.terms, set.created_at);
    Shown { row, parts: set.parts.iter().map(part).collect(), now: api.clock.now() }
}

pub(super) async fn shown_one(api: &Api, row: SaleRow) -> Result<Shown, Problem> {
    let mut shown = shown(api, vec![row]).await?;
    shown.pop().ok_or_else(Problem::unknown_sale)
}

impl Shown {
    pub(super) fn document(&self, eligibility: Option<EligibilityDocument>) -> SaleDocument {
        let product = |part: &ShownPart| SaleProductDocument {
            product_id: part.product.get(),
            price: part.price.into(),
            units: part.units,
            available: part.available,
            sold: part.units.saturating_sub(part.available),
            limit_per_customer: part.limit_per_customer,
        };
        SaleDocument {
            sale_id: self.row.sale.get(),
            name: self.row.name.clone(),
            state: state_name(self.row.state(self.now)),
            starts_at: Rfc3339(self.row.opens_at),
            ends_at: Rfc3339(self.row.ends_at),
            sells_before: self.row.sells_before,
            products: self.parts.iter().map(product).collect(),
            created_at: Rfc3339(self.row.created_at),
            eligibility,
        }
    }

    /// What is refused whoever asks, in the order of the rules.
    fn closed(&self) -> Option<Code> {
        if self.parts.iter().all(|part| !part.active) {
            return Some(Code::ProductInactive);
        }
        if self.now >= self.row.ends_at {
            return Some(Code::SaleEnded);
        }
        if self.now < self.row.opens_at {
            return Some(Code::SaleNotOpen);
        }
        if self.row.paused {
            return Some(Code::SalePaused);
        }
        let sold_out = self.parts.iter().all(|part| !part.active || part.available == 0);
        sold_out.then_some(Code::SoldOut)
    }

    /// Units this customer may still buy of a part. Asked of the product itself only while the sale is
    /// open or paused and something is left: otherwise nobody buys, and nothing is told of it.
    async fn limit_left(
        &self,
        api: &Api,
        part: &ShownPart,
        customer: Option<&CustomerId>,
    ) -> Result<Option<u64>, Problem> {
        let (Some(limit), Some(customer)) = (part.limit_per_customer, customer) else {
            return Ok(None);
        };
        let runs = self.row.opens_at <= self.now && self.now < self.row.ends_at;
        if !runs || part.available == 0 || !part.active {
            return Ok(None);
        }
        let known = api.catalog.sale_part(part.product, self.row.sale, Some(customer.clone()));
        match known.await {
            Ok(shown) => Ok(Some(u64::from(limit).saturating_sub(shown.owned))),
            // It ended or was deleted since.
            Err(EngineError::Refused(_)) => Ok(None),
            Err(error) => Err(Problem::of_engine(error, self.now)),
        }
    }

    /// Whether the caller, or the customer they act for, can buy something at this moment.
    pub(super) async fn eligibility(
        &self,
        api: &Api,
        (caller, customer): (&Caller, Option<CustomerId>),
    ) -> Result<EligibilityDocument, Problem> {
        let mut products = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            let limit_left = self.limit_left(api, part, customer.as_ref()).await?;
            let (product_id, sold_out) = (part.product.get(), part.available == 0);
            products.push(ProductEligibility { product_id, sold_out, limit_left });
        }
        let buys = |(part, product): (&ShownPart, &ProductEligibility)| {
            part.active && !product.sold_out && product.limit_left != Some(0)
        };
        let code = match caller {
            Caller::Nobody => Some(Code::Unauthorized),
            _ => self.closed().or_else(|| {
                let any = self.parts.iter().zip(&products).any(buys);
                (!any).then_some(Code::CustomerLimitReached)
            }),
        };
        Ok(EligibilityDocument {
            signed_in: customer.is_some(),
            eligible: code.is_none(),
            reason: code.map(Code::as_str),
            state: state_name(self.row.state(self.now)),
            opens_at: Rfc3339(self.row.opens_at),
            products,
        })
    }
}
