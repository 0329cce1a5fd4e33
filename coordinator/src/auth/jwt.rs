//! The text of a token: a JSON Web Token signed with Ed25519, and nothing else.
//!
//! The algorithm is fixed by the code, never taken from the text: a text that names another one
//! (`none`, `HS256`, …) is refused before any key is looked at. The text says which token it is of
//! and proves that this installation wrote it; what the token may do is in the store alone.

use goshawk_coordinator_core::token::VisibilityArea;
use goshawk_proto::{
    id::{AccountId, TokenId},
    time::Timestamp,
};
use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use serde::{Deserialize, Serialize};
use signature::{Signer, Verifier};

/// Longest text that is looked at, in bytes; ours have about 500.
pub const MAX_TEXT: usize = 4096;

/// What a token's text says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Which token.
    pub token_id: TokenId,
    /// Whose.
    pub account_id: AccountId,
    /// From when on it is worth nothing.
    pub expiration_time: Option<Timestamp>,
    /// Whose objects it shows.
    pub visibility_area: VisibilityArea,
    /// Makes the text of every issue a different one.
    pub jti: String,
}

/// Why a text is not one of ours.
#[derive(Debug, thiserror::Error)]
pub enum JwtError {
    /// It is too long, names no key of ours, another algorithm, or its signature is wrong.
    #[error("not a token of this installation")]
    Foreign,
    /// A key or claims cannot be used: a failure of ours.
    #[error("token keys: {0}")]
    Unusable(String),
}

/// A pair of keys with the name that texts call it by.
pub struct SigningKey {
    id: String,
    private: EncodingKey,
    public: DecodingKey,
}

impl SigningKey {
    /// The key of that id out of its PKCS #8 document.
    pub fn new(id: &str, pkcs8: &[u8]) -> Result<Self, JwtError> {
        // The library wants its cryptography set once for the process. Where somebody has done so
        // before, with the same algorithm, there is nothing left to do.
        let _ = PROVIDER.install_default();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8)
            .map_err(|error| JwtError::Unusable(error.to_string()))?;
        Ok(Self {
            id: id.to_owned(),
            private: EncodingKey::from_ed_der(pkcs8),
            public: DecodingKey::from_ed_der(pair.public_key().as_ref()),
        })
    }

    /// A fresh pair as a PKCS #8 document.
    pub fn generate() -> Result<Vec<u8>, JwtError> {
        let document = Ed25519KeyPair::generate_pkcs8(&ring::rand::SystemRandom::new())
            .map_err(|_| JwtError::Unusable("no randomness".to_owned()))?;
        Ok(document.as_ref().to_vec())
    }

    /// The name that texts call it by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The text of a token.
    pub fn sign(&self, claims: &Claims) -> Result<String, JwtError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.id.clone());
        jsonwebtoken::encode(&header, claims, &self.private)
            .map_err(|error| JwtError::Unusable(error.to_string()))
    }
}

/// What `text` says, if one of the keys signed it. `key` finds a key by its name.
pub fn read<'k>(
    text: &str,
    key: impl FnOnce(&str) -> Option<&'k SigningKey>,
) -> Result<Claims, JwtError> {
    if text.len() > MAX_TEXT {
        return Err(JwtError::Foreign);
    }
    let header = jsonwebtoken::decode_header(text).map_err(|_| JwtError::Foreign)?;
    let known = header.kid.as_deref().and_then(key);
    let (Algorithm::EdDSA, Some(key)) = (header.alg, known) else {
        return Err(JwtError::Foreign);
    };
    let data = jsonwebtoken::decode::<Claims>(text, &key.public, &validation())
        .map_err(|_| JwtError::Foreign)?;
    Ok(data.claims)
}

/// The signature counts; when a token ends is up to the store, which knows it to the microsecond.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation
}

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

struct EdSigner(Ed25519KeyPair);

impl Signer<Vec<u8>> for EdSigner {
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).as_ref().to_vec())
    }
}

impl JwtSigner for EdSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct EdVerifier(UnparsedPublicKey<Vec<u8>>);

impl Verifier<Vec<u8>> for EdVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        self.0
            .verify(message, signature)
            .map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for EdVerifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>, Error> {
    let pair = match algorithm {
        Algorithm::EdDSA => Ed25519KeyPair::from_pkcs8(key.as_bytes()).ok(),
        _ => None,
    };
    let pair = pair.ok_or_else(|| Error::from(ErrorKind::InvalidAlgorithm))?;
    Ok(Box::new(EdSigner(pair)))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    if *algorithm != Algorithm::EdDSA {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    let public = UnparsedPublicKey::new(&ED25519, key.try_get_as_bytes()?.to_vec());
    Ok(Box::new(EdVerifier(public)))
}

#[cfg(test)]
mod tests;
