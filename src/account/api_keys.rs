//! API keys: what machines carry, `lu_<id>_<secret>`. Shown once and kept as a hash: the secret is 256
//! random bits, so a fast hash (BLAKE3) protects it as well as a slow one would, and each request can afford it.

use super::accounts::{AccountError, Accounts};
use super::rights::Scopes;
use super::store::ApiKey;
use crate::clock;
use crate::domain::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What every key begins with, so that scanners for secrets find one that was published.
pub const API_KEY_PREFIX: &str = "lu_";

/// Characters of an id (a UUID without hyphens) and of a secret (32 bytes in base64url).
const ID_CHARS: usize = 32;
const SECRET_CHARS: usize = 43;

/// Behind every id there is.
const LAST: &str = "~";

/// What a new key is to be.
#[derive(Debug)]
pub struct NewApiKey {
    pub name: String,
    pub scopes: Scopes,
    pub expires_at: Option<Timestamp>,
}

/// The id of a key that has the form of one.
pub(super) fn id_of(presented: &str) -> Option<&str> {
    let rest = presented.strip_prefix(API_KEY_PREFIX)?;
    let (id, secret) = rest.split_once('_')?;
    let is_id = id.len() == ID_CHARS
        && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    (is_id && secret.len() == SECRET_CHARS).then_some(id)
}

impl Accounts {
    /// Makes a key. Gives it with its whole text, which nobody can tell again.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn create_key(&self, new: NewApiKey) -> Result<(ApiKey, String), AccountError> {
        let secret: [u8; 32] = clock::draw_secret().ok_or(AccountError::Failed)?;
        let id = clock::draw_uuid().simple().to_string();
        let text = format!("{API_KEY_PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let key = ApiKey {
            id,
            name: new.name,
            scopes: new.scopes,
            created_at: self.0.clock.now(),
            expires_at: new.expires_at,
            revoked_at: None,
            hash: blake3::hash(text.as_bytes()),
        };
        self.0.store.create_key(&key).await?;
        Ok((key, text))
    }

    /// Keys, the newest first, from behind `after`.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn keys_after(
        &self,
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<ApiKey>, AccountError> {
        Ok(self.0.store.keys(after.unwrap_or(LAST), most).await?)
    }

    /// Revokes a key: here at once, on other servers when they ask the store again. `false`: there is none.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn revoke_key(&self, id: &str) -> Result<bool, AccountError> {
        let Some(key) = self.0.store.key(id).await? else { return Ok(false) };
        self.0.store.revoke_key(id, self.0.clock.now()).await?;
        self.0.gate.forget(key.hash);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_one_form() {
        let (id, secret) = ("0".repeat(ID_CHARS), "A_-".repeat(14) + "A");
        assert_eq!(id_of(&format!("lu_{id}_{secret}")), Some(id.as_str()));
        for bad in [
            String::new(),
            "lu_".into(),
            format!("lu_{id}"),
            format!("lu_{id}_short"),
            format!("lx_{id}_{secret}"),
            format!("lu_{}_{secret}", "G".repeat(ID_CHARS)),
            format!("lu_{id}_{secret}A"),
        ] {
            assert_eq!(id_of(&bad), None, "{bad}");
        }
    }
}
