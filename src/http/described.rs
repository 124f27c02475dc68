//! Described: what the annotations beside the handlers cannot say, or would have to say dozens of times: who
//! must sign in, which characters texts and headers may have, and that ids come as numbers or as texts.
//!
//! What is described must be what is taken, no more and no less: `tests/contract` sends whatever the
//! description allows, and what it forbids, and holds the server to both.

use super::links;
use super::products::{ATTRIBUTE_CHARS_MAX, ATTRIBUTE_NAME_CHARS_MAX, ATTRIBUTES_MAX};
use crate::account::Scopes;
use crate::domain::{CUSTOMER_ID_CHARS_MAX, STOCKED_MAX};
use std::collections::BTreeMap;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, AnyOf, Array, ArrayItems, OneOf, SchemaType, Type,
};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Object, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Schema};

/// A text without control characters other than line breaks and tabs.
const TEXT: &str = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$";
/// The same that also says something.
const TEXT_NOT_BLANK: &str = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x1F\x7F-\x9F][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$";
/// A customer: no control character at all.
const CUSTOMER: &str = r"^[^\x00-\x1F\x7F-\x9F]*$";
/// A product as a text. The few beyond 18 digits, which are drawn after all others, are taken as well.
const DIGITS: &str = "^0*[1-9][0-9]{0,17}$";
/// Bare, or a string of RFC 9651.
const KEY: &str = r#"^([!#-~]([ !#-~]{0,253}[!#-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#;
const SESSION: &str = r"^[A-Za-z0-9._~\-]{1,64}$";
const TAGS: &str = r#"^(\*|(W/)?"[!#-+\--~]*"( *, *(W/)?"[!#-+\--~]*")*)$"#;

/// Most units of an adjustment.
const UNITS: i64 = STOCKED_MAX.cast_signed();

/// Names of the ways to say who one is.
const TOKEN: &str = "token";
const API_KEY: &str = "apiKey";

/// For everybody, but they also look at who asks: to customers they show what is theirs.
const FOR_EVERYBODY: [&str; 8] = [
    "getCart",
    "clearCart",
    "putCartItem",
    "removeCartItem",
    "getSale",
    "getEligibility",
    "followEvents",
    "connect",
];

/// Says it.
pub(super) fn complete(description: &mut OpenApi) {
    for item in description.paths.paths.values_mut() {
        let PathItem { get, put, post, delete, patch, .. } = item;
        for operation in [get, put, post, delete, patch].into_iter().flatten() {
            operation.security = security(operation);
            links::add(operation);
            for parameter in operation.parameters.iter_mut().flatten() {
                if let RefOr::T(parameter) = parameter {
                    bound_parameter(parameter);
                }
            }
        }
    }
    let Some(components) = &mut description.components else { return };
    components
        .security_schemes
        .extend([(TOKEN.to_owned(), RefOr::T(token())), (API_KEY.to_owned(), RefOr::T(api_key()))]);
    let all = components.schemas.clone();
    for (name, schema) in &mut components.schemas {
        spread(schema, &all);
        if let RefOr::T(Schema::Object(notice)) = schema
            && name == "Notice"
            && let Some(data) = notice.properties.get_mut("data")
        {
            *data = or_anything(data.clone());
        }
        if let RefOr::T(Schema::Object(object)) = schema
            && is_request(object)
        {
            for (field, property) in &mut object.properties {
                bound_field(name, field, property);
            }
        }
    }
}

/// Who has to sign in is whom the route may refuse for not having done so.
fn security(operation: &Operation) -> Option<Vec<SecurityRequirement>> {
    let refuses = |status: &str| operation.responses.responses.contains_key(status);
    if !(refuses("401") && refuses("403")) {
        return None;
    }
    let id = operation.operation_id.as_deref().unwrap_or_default();
    let nobody = FOR_EVERYBODY.contains(&id).then(SecurityRequirement::default);
    let [token, api_key] = [TOKEN, API_KEY].map(|name| SecurityRequirement::new(name, [""; 0]));
    Some(nobody.into_iter().chain([token, api_key]).collect())
}

fn token() -> SecurityScheme {
    let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(
        "A token, an API key, or with `auth.mode = \"open\"` that of `auth.operator_token`. Where \
         `auth.mode` is \"open\" and no such token is set, nobody has to say who they are.",
    ));
    SecurityScheme::Http(token.build())
}

fn api_key() -> SecurityScheme {
    let description = "An API key, with `auth.mode = \"jwt\"`";
    SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description("X-Api-Key", description)))
}

/// What has no place for `null`, and what is checked wherever it comes.
fn bound_parameter(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else { return };
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|one| *one != Type::Null);
        if let [only] = types.as_slice() {
            schema.schema_type = SchemaType::Type(only.clone());
        }
    }
    match parameter.name.as_str() {
        "Idempotency-Key" => schema.pattern = Some(KEY.into()),
        "X-Session-Id" => schema.pattern = Some(SESSION.into()),
        "If-Match" => {
            schema.pattern = Some(TAGS.into());
            schema.examples = vec![r#""1""#.into()];
        }
        "Prefer" => schema.examples = vec!["respond-async".into()],
        "customerId" => bound_customer(schema),
        _ => bound_text(schema),
    }
}

/// Whoever is asked for something takes no field that is not described.
fn is_request(schema: &Object) -> bool {
    matches!(schema.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(false)))
}

fn bound_field(request: &str, name: &str, property: &mut RefOr<Schema>) {
    if name == "price" && request.starts_with("SaleProduct") {
        *property = costs_something(property);
        return;
    }
    if let RefOr::T(Schema::Array(list)) = property
        && let ArrayItems::RefOrSchema(items) = &mut list.items
        && let RefOr::T(Schema::Object(item)) = &mut **items
    {
        match name {
            "productIds" => bound_product(item),
            "scopes" => item.enum_values = Some(Scopes::ALL.names().map(Into::into).collect()),
            _ => {}
        }
    }
    let RefOr::T(Schema::Object(field)) = property else { return };
    match name {
        "productId" => bound_product(field),
        "saleId" => field.maximum = Some(i64::MAX.into()),
        "customerId" => {
            let types = vec![Type::String, Type::Integer, Type::Null];
            field.schema_type = SchemaType::Array(types);
            field.minimum = Some(i64::MIN.into());
            field.maximum = Some(u64::MAX.into());
            bound_customer(field);
        }
        "delta" => {
            let described = field.description.take();
            let part = |minimum: i64, maximum: i64| {
                let number = ObjectBuilder::new().schema_type(Type::Integer);
                number.minimum(Some(minimum)).maximum(Some(maximum))
            };
            let parts = AnyOf::builder().item(part(-UNITS, -1)).item(part(1, UNITS));
            *property = parts.description(described).into();
        }
        "attributes" => {
            field.max_properties = Some(ATTRIBUTES_MAX);
            let text = |most| ObjectBuilder::new().schema_type(Type::String).max_length(Some(most));
            let name =
                text(ATTRIBUTE_NAME_CHARS_MAX).min_length(Some(1)).pattern(Some(TEXT_NOT_BLANK));
            let value = text(ATTRIBUTE_CHARS_MAX).pattern(Some(TEXT));
            field.property_names = Some(Box::new(name.into()));
            field.additional_properties = Some(Box::new(RefOr::T(value.into()).into()));
        }
        _ => bound_text(field),
    }
}

/// Fields that are written into a document where there are any: each may be missing, and `null` stands for none.
fn spread(schema: &mut RefOr<Schema>, all: &BTreeMap<String, RefOr<Schema>>) {
    match schema {
        RefOr::T(Schema::AllOf(parts)) => {
            for part in &mut parts.items {
                spread_part(part, all);
                spread(part, all);
            }
        }
        RefOr::T(Schema::Object(object)) => {
            object.properties.values_mut().for_each(|property| spread(property, all));
        }
        RefOr::T(Schema::Array(Array { items: ArrayItems::RefOrSchema(items), .. })) => {
            spread(items, all);
        }
        _ => {}
    }
}

fn spread_part(part: &mut RefOr<Schema>, all: &BTreeMap<String, RefOr<Schema>>) {
    let RefOr::T(Schema::OneOf(choice)) = &*part else { return };
    let named = choice.items.iter().find_map(|item| match item {
        RefOr::Ref(named) => named.ref_location.rsplit('/').next(),
        RefOr::T(_) => None,
    });
    let fields = named.and_then(|name| all.get(name));
    if let Some(RefOr::T(Schema::Object(fields))) = fields {
        let mut fields = fields.clone();
        fields.required.clear();
        *part = RefOr::T(Schema::Object(fields));
    }
}

/// What is given away is not sold.
fn costs_something(price: &RefOr<Schema>) -> RefOr<Schema> {
    let amount = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    let something =
        ObjectBuilder::new().schema_type(SchemaType::AnyValue).property("amount", amount);
    let money = Ref::from_schema_name("MoneyRequest");
    let price_of = AllOf::builder().item(money).item(something);
    match price {
        RefOr::T(Schema::OneOf(_)) => {
            let nothing = ObjectBuilder::new().schema_type(Type::Null);
            OneOf::builder().item(nothing).item(price_of).into()
        }
        _ => price_of.into(),
    }
}

/// A number, or its digits as a text.
fn bound_product(schema: &mut Object) {
    schema.schema_type = SchemaType::Array(vec![Type::Integer, Type::String]);
    schema.minimum = Some(1.into());
    schema.maximum = Some(i64::MAX.into());
    schema.pattern = Some(DIGITS.into());
}

/// Notices of other types say what they like, and are ignored.
fn or_anything(schema: RefOr<Schema>) -> RefOr<Schema> {
    let anything = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
    AnyOf::builder().item(schema).item(anything).into()
}

fn bound_customer(schema: &mut Object) {
    schema.pattern = Some(CUSTOMER.into());
    schema.min_length = Some(1);
    schema.max_length = Some(CUSTOMER_ID_CHARS_MAX);
}

/// Texts whose length is checked are checked for their characters, too. A password may have any.
fn bound_text(schema: &mut Object) {
    if schema.max_length.is_none() || schema.pattern.is_some() || schema.format.is_some() {
        return;
    }
    let blank = schema.min_length.unwrap_or_default() == 0;
    schema.pattern = Some(if blank { TEXT } else { TEXT_NOT_BLANK }.into());
}

#[cfg(test)]
mod tests {
    use crate::http::openapi::openapi;
    use serde_json::Value;

    fn document() -> Value {
        serde_json::to_value(openapi()).expect("JSON")
    }

    #[test]
    fn whoever_has_to_sign_in_is_told_so() {
        let document = document();
        let mut checked = 0;
        for line in include_str!("routes.rs").lines() {
            let Some((_, route)) = line.split_once("at.route(\"") else { continue };
            let mut parts = route.splitn(3, [',', '"']);
            let name = parts.next().expect("a name");
            let Some((method, path)) = name.split_once(' ') else { continue };
            let operation = &document["paths"][path][method.to_lowercase()];
            if operation.is_null() {
                continue;
            }
            let ways = operation["security"].as_array();
            let required = ways.is_some_and(|ways| {
                ways.iter().all(|way| *way != Value::Object([].into_iter().collect()))
            });
            assert_eq!(required, !route.contains(", Anyone, "), "{name}: {ways:?}");
            checked += 1;
        }
        let all = document["paths"].as_object().expect("paths").values();
        let all: usize = all.map(|item| item.as_object().expect("methods").len()).sum();
        assert_eq!(checked, all, "every operation has its route");
    }

    #[test]
    fn nothing_but_what_is_in_a_body_can_be_null() {
        for item in document()["paths"].as_object().expect("paths").values() {
            for operation in item.as_object().expect("methods").values() {
                let parameters = operation["parameters"].as_array();
                for parameter in parameters.into_iter().flatten() {
                    assert!(parameter["schema"]["type"].is_string(), "{parameter}");
                }
            }
        }
    }
}
