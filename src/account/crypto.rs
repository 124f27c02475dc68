//! Crypto: what jsonwebtoken signs and verifies with, made of ring, which TLS brings along anyway.
//! Four algorithms and no more; a key that does not fit one is an error and never a panic.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, Result};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::signature::{Error as SignatureError, Signer, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair,
    Ed25519KeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use ring::{digest, hmac};
use simple_asn1::ASN1Block;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: rsa_components,
        ec_pub_components_from_private_key: |_, _| -> Result<(EllipticCurve, Vec<u8>, Vec<u8>)> {
            Err(unsupported())
        },
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest,
    },
};

/// Makes it this process's. Whoever comes later finds it done.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

fn unsupported() -> Error {
    ErrorKind::UnsupportedAlgorithm.into()
}

struct RingSigner {
    algorithm: Algorithm,
    key: PrivateKey,
}

/// A private key, parsed.
pub(super) enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    Ec(Box<EcdsaKeyPair>),
    Ed(Box<Ed25519KeyPair>),
    Hmac(hmac::Key),
}

impl PrivateKey {
    /// `None` when the key is not of this algorithm.
    pub(super) fn parse(algorithm: Algorithm, key: &EncodingKey) -> Option<Self> {
        if key.family() != algorithm.family() {
            return None;
        }
        let bytes = key.as_bytes();
        let random = SystemRandom::new();
        Some(match algorithm {
            Algorithm::RS256 => Self::Rsa(Box::new(RsaKeyPair::from_der(bytes).ok()?)),
            Algorithm::ES256 => Self::Ec(Box::new(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, bytes, &random).ok()?,
            )),
            Algorithm::EdDSA => {
                Self::Ed(Box::new(Ed25519KeyPair::from_pkcs8_maybe_unchecked(bytes).ok()?))
            }
            Algorithm::HS256 => Self::Hmac(hmac::Key::new(hmac::HMAC_SHA256, bytes)),
            _ => return None,
        })
    }

    /// The key that verifies what this one signs; `None` for a secret, which does both.
    pub(super) fn public(&self) -> Option<DecodingKey> {
        Some(match self {
            Self::Rsa(pair) => {
                let RsaPublicKeyComponents { n, e } =
                    RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                DecodingKey::from_rsa_raw_components(&n, &e)
            }
            Self::Ec(pair) => DecodingKey::from_ec_der(pair.public_key().as_ref()),
            Self::Ed(pair) => DecodingKey::from_ed_der(pair.public_key().as_ref()),
            Self::Hmac(_) => return None,
        })
    }

    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        Ok(match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Hmac(key) => hmac::sign(key, message).as_ref().to_vec(),
        })
    }
}

// jsonwebtoken's type for its table of functions.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    let algorithm = *algorithm;
    let key = PrivateKey::parse(algorithm, key).ok_or(ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(RingSigner { algorithm, key }))
}

impl Signer<Vec<u8>> for RingSigner {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, SignatureError> {
        self.key.sign(message).map_err(|_| SignatureError::new())
    }
}

impl JwtSigner for RingSigner {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

struct RingVerifier {
    algorithm: Algorithm,
    key: DecodingKey,
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(RingVerifier { algorithm: *algorithm, key: key.clone() }))
}

impl Verifier<Vec<u8>> for RingVerifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), SignatureError> {
        use DecodingKeyKind::{RsaModulusExponent, SecretOrDer};
        let by = |parameters: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
            UnparsedPublicKey::new(parameters, key).verify(message, signature)
        };
        let verified = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, SecretOrDer(key)) => by(&RSA_PKCS1_2048_8192_SHA256, key),
            (Algorithm::RS256, RsaModulusExponent { n, e }) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            (Algorithm::ES256, SecretOrDer(key)) => by(&ECDSA_P256_SHA256_FIXED, key),
            (Algorithm::EdDSA, SecretOrDer(key)) => by(&ED25519, key),
            // Compares in constant time.
            (Algorithm::HS256, SecretOrDer(key)) => {
                hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), message, signature)
            }
            _ => Err(ring::error::Unspecified),
        };
        verified.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for RingVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

/// Modulus and exponent of the DER form of PKCS #1: a sequence of two integers.
fn rsa_components(der: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let blocks = simple_asn1::from_der(der).unwrap_or_default();
    if let [ASN1Block::Sequence(_, parts)] = blocks.as_slice()
        && let [ASN1Block::Integer(_, modulus), ASN1Block::Integer(_, exponent)] = parts.as_slice()
    {
        return Ok((modulus.to_bytes_be().1, exponent.to_bytes_be().1));
    }
    Err(ErrorKind::InvalidKeyFormat.into())
}

fn compute_digest(data: &[u8], hash: ThumbprintHash) -> Result<Vec<u8>> {
    match hash {
        ThumbprintHash::SHA256 => Ok(digest::digest(&digest::SHA256, data).as_ref().to_vec()),
        _ => Err(unsupported()),
    }
}

/// A new key pair for EdDSA, in the form of PKCS #8.
pub(super) fn new_ed25519() -> Option<Vec<u8>> {
    let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
    Some(document.as_ref().to_vec())
}
