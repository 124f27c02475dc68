//! Tokens: verifies signed tokens (JWT) and issues them. The algorithm is that of the settings, whatever
//! a token says of itself; the times are compared with a time that is passed in.

use super::keys::{Keys, VerifyingKey};
use super::rights::{Identity, Rights, Role};
use crate::domain::{CustomerId, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 8_192;

/// Where roles are looked for when the settings name no claim.
const ROLE_CLAIMS: [&str; 2] = ["role", "roles"];

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token has run out: refresh it, or sign in again")]
    Expired,
    #[error("the token {0}")]
    Invalid(&'static str),
}

/// What every token must say.
#[derive(Debug, Clone)]
pub struct TokenRules {
    pub issuer: String,
    pub audience: String,
    pub leeway_seconds: u64,
    /// The claim with the role; empty: `role`, or `roles`.
    pub role_claim: String,
}

/// What is read of a token.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: Number,
    nbf: Option<Number>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// What is written into one.
#[derive(Serialize)]
struct Issued<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    role: &'a str,
    iat: u64,
    exp: u64,
    /// Two tokens of one second are two tokens.
    jti: String,
}

impl TokenRules {
    /// Who a token is of.
    pub(super) fn verify(
        &self,
        keys: &Keys,
        token: &str,
        now: Timestamp,
    ) -> Result<Identity, TokenError> {
        let algorithm = keys.algorithm.of_tokens();
        let unreadable = TokenError::Invalid("cannot be read");
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid("is too long"));
        }
        let header = decode_header(token).map_err(|_| unreadable)?;
        if header.alg != algorithm {
            return Err(TokenError::Invalid("is signed by an algorithm that is not taken here"));
        }
        if header.crit.is_some() {
            return Err(TokenError::Invalid("has extensions that are not known here"));
        }
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&self.audience]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Compared below, with our own time.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        let mut failure = TokenError::Invalid("is signed with a key that is not known here");
        for key in candidates(&keys.verifying, header.kid.as_deref()) {
            match decode::<Claims>(token, key, &validation) {
                Ok(data) => return self.identity(&data.claims, now),
                Err(error) => match error.kind() {
                    ErrorKind::InvalidSignature => {}
                    other => failure = TokenError::Invalid(complaint(other)),
                },
            }
        }
        Err(failure)
    }

    fn identity(&self, claims: &Claims, now: Timestamp) -> Result<Identity, TokenError> {
        let leeway = self.leeway_seconds.saturating_mul(1_000);
        let time = |number: &Number| {
            millis(number).ok_or(TokenError::Invalid("has a time that cannot be read"))
        };
        let valid_until = Timestamp::from_millis(time(&claims.exp)?).plus_millis(leeway);
        if valid_until <= now {
            return Err(TokenError::Expired);
        }
        if let Some(not_before) = &claims.nbf
            && Timestamp::from_millis(time(not_before)?) > now.plus_millis(leeway)
        {
            return Err(TokenError::Invalid("is not valid yet"));
        }
        let subject = CustomerId::new(&claims.sub)
            .map_err(|_| TokenError::Invalid("names a subject that is no customer id"))?;
        let role = self.role(&claims.others)?;
        Ok(Identity { subject, rights: Rights::Person(role), valid_until })
    }

    /// The highest role that is named; without any, a customer's.
    fn role(&self, claims: &Map<String, Value>) -> Result<Role, TokenError> {
        let wrong = TokenError::Invalid("has a claim of roles that is neither a text nor a list");
        let found = if self.role_claim.is_empty() {
            ROLE_CLAIMS.iter().find_map(|name| claims.get(*name))
        } else {
            claims.get(&self.role_claim).or_else(|| nested(claims, &self.role_claim))
        };
        let named: Vec<&str> = match found {
            None | Some(Value::Null) => Vec::new(),
            // One role, or several with spaces, as scopes are written.
            Some(Value::String(text)) => text.split(' ').collect(),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(_) => return Err(wrong),
        };
        // An identity provider has roles that mean nothing here.
        Ok(named.into_iter().filter_map(Role::parse).max().unwrap_or(Role::Customer))
    }

    /// Signs a token for a person.
    ///
    /// # Errors
    /// When the system has no random bytes, or no key signs here.
    pub(super) fn issue(
        &self,
        keys: &Keys,
        subject: &CustomerId,
        role: Role,
        (now, seconds): (Timestamp, u64),
    ) -> Result<String, TokenError> {
        let failed = TokenError::Invalid("cannot be signed");
        let signing = keys.signing.as_ref().ok_or(failed)?;
        let mut header = Header::new(keys.algorithm.of_tokens());
        header.kid.clone_from(&signing.kid);
        let iat = now.as_millis() / 1_000;
        let claims = Issued {
            iss: &self.issuer,
            aud: &self.audience,
            sub: subject.as_str(),
            role: role.as_str(),
            iat,
            exp: iat.saturating_add(seconds),
            jti: crate::clock::draw_uuid().simple().to_string(),
        };
        encode(&header, &claims, &signing.key).map_err(|_| failed)
    }
}

/// The claim inside of others, such as `realm_access.roles`.
fn nested<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name))
}

/// The keys that may have signed: those of this name, else those that have none.
fn candidates<'a>(
    keys: &'a [VerifyingKey],
    kid: Option<&'a str>,
) -> impl Iterator<Item = &'a jsonwebtoken::DecodingKey> {
    let named = kid.is_some() && keys.iter().any(|key| key.kid.as_deref() == kid);
    let fits = move |key: &&VerifyingKey| match kid {
        None => true,
        Some(_) if named => key.kid.as_deref() == kid,
        Some(_) => key.kid.is_none(),
    };
    keys.iter().filter(fits).map(|key| &key.key)
}

/// A time of RFC 7519 (seconds, maybe with a fraction) in milliseconds.
fn millis(seconds: &Number) -> Option<u64> {
    if let Some(whole) = seconds.as_u64() {
        return Some(whole.saturating_mul(1_000));
    }
    // Saturates; a time before 1970 is as long ago as can be.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    seconds.as_f64().map(|seconds| (seconds * 1_000.0) as u64)
}

const fn complaint(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidAudience => "is for another audience",
        ErrorKind::InvalidIssuer => "is of another issuer",
        ErrorKind::MissingRequiredClaim(_) => {
            "lacks one of the claims exp, iss, aud and sub, or one cannot be read"
        }
        _ => "cannot be read",
    }
}
