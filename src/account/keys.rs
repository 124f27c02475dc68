//! Keys: what tokens are verified with, and what the built-in issuer signs with, read from files.
//!
//! A file of keys is a PEM with one or several public keys, a JWKS document, or (HS256) a secret. A key
//! of a JWKS is chosen by its `kid`; keys of a PEM have none, so they are tried for tokens whose `kid`
//! nobody declares. That is how keys are changed: the old one stays in the file until the last of its
//! tokens has run out. What must never happen: a key that serves another algorithm than the one of the
//! settings, so a public key is never taken for a secret.

use super::crypto::{self, PrivateKey};
use crate::clock;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse, ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Most keys of one file: a token without `kid` may be tried with each.
const KEYS_MAX: usize = 32;
/// Fewest bytes of a secret: as long as the hash (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;
/// The file of a key that was made here, in the data directory.
const OWN_FILE: &str = "signing-key.pem";

const BEGIN: &str = "-----BEGIN ";

/// How tokens are signed. One for the whole server: a token never chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(rename = "HS256")]
    Hs256,
}

impl TokenAlgorithm {
    pub(super) const fn of_tokens(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Es256 => Algorithm::ES256,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Hs256 => Algorithm::HS256,
        }
    }

    /// As headers of tokens and the settings spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
        }
    }
}

/// Why keys cannot be used, in one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyError(String);

/// Where keys are.
#[derive(Debug, Clone)]
pub struct KeyFiles {
    pub algorithm: TokenAlgorithm,
    /// What tokens are verified with, beside the own key.
    pub verifying: Option<PathBuf>,
    /// What they are signed with here.
    pub signing: Option<PathBuf>,
    /// Tokens are signed here; without a file for EdDSA a key is made.
    pub issues: bool,
    pub data_dir: PathBuf,
}

/// A key that verifies.
pub(super) struct VerifyingKey {
    /// `None`: its file declares none.
    pub(super) kid: Option<String>,
    pub(super) key: DecodingKey,
}

/// The key that signs.
pub(super) struct SigningKey {
    pub(super) kid: Option<String>,
    pub(super) key: EncodingKey,
}

/// All keys, as the files had them at one moment.
pub struct Keys {
    pub(super) algorithm: TokenAlgorithm,
    pub(super) verifying: Vec<VerifyingKey>,
    pub(super) signing: Option<SigningKey>,
    /// The public ones as a JWKS document.
    pub(super) public: String,
    /// Over the files: another one means other keys.
    pub(super) digest: blake3::Hash,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Keys({} of {})", self.verifying.len(), self.algorithm.as_str())
    }
}

impl KeyFiles {
    /// Makes the own key where one is wanted and there is none, then loads all.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make_and_load(&self) -> Result<Keys, KeyError> {
        if self.uses_own_key() {
            self.make_own_key()?;
        }
        self.load()
    }

    /// The same for whoever signs beside the server: makes no key, which would not be the server's.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load_to_sign(&self) -> Result<Keys, KeyError> {
        let path = self.own_file();
        if self.uses_own_key() && !path.exists() {
            return Err(KeyError(format!(
                "there is no signing key {}: the first start of the server makes it, so start that, \
                 or give --data-dir and settings as the server has them",
                path.display()
            )));
        }
        self.load()
    }

    /// Reads and checks all keys. One that has gone missing is an error: another one in its place would
    /// make every token void.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn load(&self) -> Result<Keys, KeyError> {
        crypto::install();
        let (mut verifying, mut public, mut hasher) =
            (Vec::new(), JwkSet::default(), blake3::Hasher::new());
        let signing = match self.signing_file()? {
            None => None,
            Some(path) => {
                let bytes = read(&path)?;
                hasher.update(&bytes);
                let (signing, key) = self.signing_key(&path, &bytes)?;
                if let Some(jwk) = self.published(&key, signing.kid.as_deref()) {
                    public.keys.push(jwk);
                }
                verifying.push(VerifyingKey { kid: signing.kid.clone(), key });
                Some(signing)
            }
        };
        if let Some(path) = &self.verifying {
            let bytes = read(path)?;
            hasher.update(&bytes);
            for key in self.verifying_keys(path, &bytes)? {
                public.keys.extend(self.published(&key.key, key.kid.as_deref()));
                verifying.push(key);
            }
        }
        let public = serde_json::to_string(&public).map_err(|error| KeyError(error.to_string()))?;
        let digest = hasher.finalize();
        Ok(Keys { algorithm: self.algorithm, verifying, signing, public, digest })
    }

    /// The file of the key that signs, if tokens are signed here at all.
    fn signing_file(&self) -> Result<Option<PathBuf>, KeyError> {
        if let Some(path) = &self.signing {
            return Ok(Some(path.clone()));
        }
        match (self.issues, &self.verifying, self.algorithm) {
            (false, ..) => Ok(None),
            // A secret signs what it verifies.
            (true, Some(path), TokenAlgorithm::Hs256) => Ok(Some(path.clone())),
            (true, None, TokenAlgorithm::EdDsa) => Ok(Some(self.own_file())),
            (true, _, other) => Err(KeyError(format!(
                "there is no key that signs {} tokens: give auth.signing_key_file, or set \
                 auth.issuer_enabled = false",
                other.as_str()
            ))),
        }
    }

    fn uses_own_key(&self) -> bool {
        let named = self.signing.is_some() || self.verifying.is_some();
        self.issues && !named && self.algorithm == TokenAlgorithm::EdDsa
    }

    fn own_file(&self) -> PathBuf {
        self.data_dir.join(OWN_FILE)
    }

    fn make_own_key(&self) -> Result<(), KeyError> {
        let path = self.own_file();
        if path.exists() {
            return Ok(());
        }
        let made = new_key_pem().and_then(|pem| {
            fs::create_dir_all(&self.data_dir)?;
            // Whole or not at all: half a key would refuse every start from now on.
            let draft = self.data_dir.join(format!("{OWN_FILE}.{}", clock::draw_uuid().simple()));
            let linked =
                write_private(&draft, &pem).and_then(|()| match fs::hard_link(&draft, &path) {
                    // Of two starts at once one makes the key, and both use it.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                    linked => linked,
                });
            let _ = fs::remove_file(&draft);
            linked
        });
        made.map_err(|error| {
            KeyError(format!(
                "the signing key {} cannot be made: {error}; make the folder writable, or give \
                 auth.signing_key_file",
                path.display()
            ))
        })?;
        tracing::info!(file = %path.display(), "made a key to sign tokens with: keep it secret and back it up");
        Ok(())
    }

    fn signing_key(
        &self,
        path: &Path,
        bytes: &[u8],
    ) -> Result<(SigningKey, DecodingKey), KeyError> {
        let algorithm = self.algorithm.of_tokens();
        let unfit = || {
            KeyError(format!(
                "the file {} holds no private key for {}: it must be one key in PEM (PKCS #8)",
                path.display(),
                self.algorithm.as_str()
            ))
        };
        let key = match self.algorithm {
            TokenAlgorithm::Hs256 => {
                let secret = secret(path, bytes)?;
                let key = EncodingKey::from_secret(secret);
                return Ok((SigningKey { kid: None, key }, DecodingKey::from_secret(secret)));
            }
            TokenAlgorithm::Rs256 => EncodingKey::from_rsa_pem(bytes),
            TokenAlgorithm::Es256 => EncodingKey::from_ec_pem(bytes),
            TokenAlgorithm::EdDsa => EncodingKey::from_ed_pem(bytes),
        };
        let key = key.map_err(|_| unfit())?;
        let private = PrivateKey::parse(algorithm, &key).ok_or_else(unfit)?;
        let public = private.public().ok_or_else(unfit)?;
        let kid = self.thumbprint(&public).ok_or_else(unfit)?;
        Ok((SigningKey { kid: Some(kid), key }, public))
    }

    fn verifying_keys(&self, path: &Path, bytes: &[u8]) -> Result<Vec<VerifyingKey>, KeyError> {
        let text = std::str::from_utf8(without_mark(bytes)).unwrap_or_default().trim_start();
        let keys = if text.starts_with('{') {
            self.of_jwks(path, text)?
        } else if self.algorithm == TokenAlgorithm::Hs256 {
            let key = DecodingKey::from_secret(secret(path, bytes)?);
            vec![VerifyingKey { kid: None, key }]
        } else {
            self.of_pem(path, text)?
        };
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(KeyError(format!(
                "the file {} of auth.key_file holds {} keys for {}; it must hold 1 to {KEYS_MAX}",
                path.display(),
                keys.len(),
                self.algorithm.as_str()
            )));
        }
        Ok(keys)
    }

    /// The keys of a JWKS that fit; it may hold others, for other purposes.
    fn of_jwks(&self, path: &Path, text: &str) -> Result<Vec<VerifyingKey>, KeyError> {
        let set: JwkSet = serde_json::from_str(text).map_err(|error| {
            // Where it is wrong, not what stands there: it may be a secret.
            KeyError(format!(
                "the file {} of auth.key_file is no JWKS document (line {})",
                path.display(),
                error.line()
            ))
        })?;
        let fitting = set.keys.into_iter().filter(|jwk| self.fits(jwk));
        let key = |jwk: Jwk| {
            let key = DecodingKey::from_jwk(&jwk).ok()?;
            // A key that cannot be what it says is none.
            let usable = match self.algorithm {
                TokenAlgorithm::Hs256 => {
                    key.try_get_as_bytes().is_ok_and(|secret| secret.len() >= SECRET_BYTES_MIN)
                }
                _ => self.thumbprint(&key).is_some(),
            };
            usable.then_some(VerifyingKey { kid: jwk.common.key_id, key })
        };
        Ok(fitting.filter_map(key).collect())
    }

    fn fits(&self, jwk: &Jwk) -> bool {
        let algorithm = jwk.common.key_algorithm;
        let for_others = algorithm.is_some_and(|named| named != self.algorithm.of_tokens().into());
        let encrypts =
            jwk.common.public_key_use.as_ref().is_some_and(|what| *what != PublicKeyUse::Signature);
        let kind = match (&jwk.algorithm, self.algorithm) {
            (AlgorithmParameters::RSA(_), TokenAlgorithm::Rs256)
            | (AlgorithmParameters::OctetKey(_), TokenAlgorithm::Hs256) => true,
            (AlgorithmParameters::EllipticCurve(key), TokenAlgorithm::Es256) => {
                key.curve == EllipticCurve::P256
            }
            (AlgorithmParameters::OctetKeyPair(key), TokenAlgorithm::EdDsa) => {
                key.curve == EllipticCurve::Ed25519
            }
            _ => false,
        };
        kind && !for_others && !encrypts
    }

    fn of_pem(&self, path: &Path, text: &str) -> Result<Vec<VerifyingKey>, KeyError> {
        let wrong = |what: &str| {
            KeyError(format!(
                "the file {} of auth.key_file {what}; it must hold public keys for {} in PEM, or a \
                 JWKS document",
                path.display(),
                self.algorithm.as_str()
            ))
        };
        let blocks = text.split(BEGIN).skip(1).map(|block| format!("{BEGIN}{block}"));
        let key = |block: String| {
            if !block.starts_with("-----BEGIN PUBLIC KEY") && !block.contains("RSA PUBLIC KEY") {
                return Err(wrong("holds something that is no public key"));
            }
            let key = match self.algorithm {
                TokenAlgorithm::Rs256 => DecodingKey::from_rsa_pem(block.as_bytes()),
                TokenAlgorithm::Es256 => DecodingKey::from_ec_pem(block.as_bytes()),
                _ => DecodingKey::from_ed_pem(block.as_bytes()),
            };
            let key = key.ok().filter(|key| self.thumbprint(key).is_some());
            key.map(|key| VerifyingKey { kid: None, key })
                .ok_or_else(|| wrong("holds a key of another kind"))
        };
        blocks.map(key).collect()
    }

    /// The key as others may see it; a secret never.
    fn published(&self, key: &DecodingKey, kid: Option<&str>) -> Option<Jwk> {
        if self.algorithm == TokenAlgorithm::Hs256 {
            return None;
        }
        let mut jwk = Jwk::from_decoding_key(key, Some(self.algorithm.of_tokens())).ok()?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = kid.map(str::to_owned).or_else(|| self.thumbprint(key));
        Some(jwk)
    }

    /// What a key is called where nobody named it (RFC 7638); `None` for one that is not of the algorithm.
    fn thumbprint(&self, key: &DecodingKey) -> Option<String> {
        let jwk = Jwk::from_decoding_key(key, Some(self.algorithm.of_tokens())).ok()?;
        if let AlgorithmParameters::EllipticCurve(key) = &jwk.algorithm
            && key.curve != EllipticCurve::P256
        {
            return None;
        }
        jwk.thumbprint(ThumbprintHash::SHA256).ok()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    fs::read(path).map_err(|error| {
        KeyError(format!(
            "the key file {} cannot be read: {error}; correct auth.key_file or \
             auth.signing_key_file, or what the server may read",
            path.display()
        ))
    })
}

/// The bytes of a secret, without the line break that editors and shells put behind it.
fn secret<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a [u8], KeyError> {
    let secret = bytes.trim_ascii_end();
    let wrong = |what: &str| {
        Err(KeyError(format!(
            "the file {} {what}; for HS256 it must hold a secret of {SECRET_BYTES_MIN} bytes or more, \
             such as `openssl rand -base64 48` prints",
            path.display()
        )))
    };
    // Wherever it stands: tools put words before a key.
    if bytes.windows(BEGIN.len()).any(|part| part == BEGIN.as_bytes()) {
        return wrong("holds a key in PEM, which others may know");
    }
    if without_mark(bytes).trim_ascii_start().starts_with(b"{") {
        return wrong("holds a JWKS document, which can only verify");
    }
    if secret.len() < SECRET_BYTES_MIN {
        return wrong("holds a secret that is too short");
    }
    Ok(secret)
}

/// A text without the mark that some editors put before it.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes)
}

fn new_key_pem() -> std::io::Result<String> {
    let key = crypto::new_ed25519()
        .ok_or_else(|| std::io::Error::other("the system gives no random bytes"))?;
    let text = STANDARD.encode(key);
    let lines: Vec<_> =
        text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line)).collect();
    Ok(format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")))
}

/// Writes a file that nobody else may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
