//! Forge: tokens as nobody should send them, made by hand.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use ring::{hmac, signature};
use serde_json::{Value, json};
use std::path::Path;

/// The bytes of a PEM file.
pub fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).expect("base64")
}

/// What signs.
pub enum Signer {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Hmac(Vec<u8>),
    Nothing,
}

impl Signer {
    /// The key that a server made for itself.
    pub fn of_server(data_dir: &Path) -> Self {
        let pem = std::fs::read_to_string(data_dir.join("signing-key.pem")).expect("a key");
        Self::ed(&pem)
    }

    pub fn ed(pem: &str) -> Self {
        Self::Ed(Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der(pem)).expect("a key"))
    }

    pub fn ec(pem: &str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        Self::Ec(EcdsaKeyPair::from_pkcs8(algorithm, &der(pem), &random).expect("a key"))
    }

    pub fn rsa(pem: &str) -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(&der(pem)).expect("a key"))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&random, message).expect("signed").as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; signature::KeyPair::public_key(pair).modulus_len()];
                let padding = &RSA_PKCS1_SHA256;
                pair.sign(padding, &random, message, &mut signature).expect("signed");
                signature
            }
            Self::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Nothing => Vec::new(),
        }
    }

    /// A token of these two parts.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }
}

pub fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

pub fn header(algorithm: &str) -> Value {
    json!({"typ": "JWT", "alg": algorithm})
}

/// Seconds since 1970, so many from now.
pub fn in_seconds(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

/// What a token of `ann` says, with changes: null takes a claim away.
pub fn claims(changes: &Value) -> Value {
    let mut claims = json!({
        "iss": "lastunit", "aud": "lastunit", "sub": "ann", "exp": in_seconds(600)
    });
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}
