//! Passkeys: registration and assertion checks (W3C WebAuthn level 3, sections 7.1 and 7.2), as pure functions.
//!
//! The same function verifies a signature when it arrives and years later from an evidence pack, which is why it is ours and not a
//! server library's: those keep the challenge in private state and cannot check an archived assertion.
//! Attestation is not asked for: what matters is that the key that signs a review is the key that was enrolled.

use ciborium::Value as Cbor;
use ed25519_dalek::VerifyingKey as EdKey;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature as EsSignature, VerifyingKey as EsKey};
use serde::Deserialize;

use crate::canonical::{self, CanonicalError};
use crate::digest::{Digest, base64url, from_base64url, hex};
use crate::event::directory::CredentialKey;
use crate::event::execution::JudgementStatement;
use crate::event::request::{Assertion, ReviewStatement};

/// Context string before a review statement, so that its challenge cannot be taken for another.
pub const REVIEW_CONTEXT: &[u8] = b"privyseal/review/v1\n";
/// Context string before the statement of somebody who judges an emergency.
pub const JUDGEMENT_CONTEXT: &[u8] = b"privyseal/breakglass-review/v1\n";

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// Why a passkey response is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Not in the form that WebAuthn defines.
    #[error("the passkey response is malformed: {0}")]
    Malformed(&'static str),
    /// It answers another question.
    #[error("the passkey signed something else: {0}")]
    Mismatch(&'static str),
    /// The authenticator did not verify the person.
    #[error("the passkey did not verify its user: unlock it with PIN, fingerprint or face")]
    NotVerified,
    /// An algorithm that is not accepted.
    #[error("the passkey uses an algorithm that is not accepted: use ES256 or EdDSA")]
    Algorithm,
    /// The signature is wrong.
    #[error("the passkey's signature does not verify")]
    Signature,
}

/// The challenge that a reviewer's passkey signs: SHA-256(context ‖ canonical JSON of the statement).
///
/// # Errors
/// When the statement has no canonical form, which no parsed statement can cause.
pub fn review_challenge(statement: &ReviewStatement) -> Result<Digest, CanonicalError> {
    Ok(Digest::of_parts(&[REVIEW_CONTEXT, &canonical::serialize(statement)?]))
}

/// The challenge that is signed when an emergency is judged.
///
/// # Errors
/// When the statement has no canonical form, which no parsed statement can cause.
pub fn judgement_challenge(statement: &JudgementStatement) -> Result<Digest, CanonicalError> {
    Ok(Digest::of_parts(&[JUDGEMENT_CONTEXT, &canonical::serialize(statement)?]))
}

/// What a new passkey says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Credential id, base64url.
    pub credential: String,
    /// The public part, as it is recorded.
    pub key: CredentialKey,
}

/// Checks a registration response and takes the public key from it.
///
/// # Errors
/// When the response does not answer `challenge` for `rp_id`, did not verify the user, or uses an algorithm that is not accepted.
pub fn register(attestation_object: &[u8], client_data_json: &[u8], challenge: &[u8], rp_id: &str) -> Result<Registration, PasskeyError> {
    check_client_data(client_data_json, "webauthn.create", challenge, rp_id)?;
    let object: Cbor =
        ciborium::from_reader(attestation_object).map_err(|_| PasskeyError::Malformed("the attestation object is not CBOR"))?;
    let auth_data = member(&object, |key| key.as_text() == Some("authData"))
        .and_then(Cbor::as_bytes)
        .ok_or(PasskeyError::Malformed("the attestation object lacks authData"))?;
    let flags = check_auth_data(auth_data, rp_id)?;
    if flags & ATTESTED == 0 {
        return Err(PasskeyError::Malformed("no credential data"));
    }
    let short = PasskeyError::Malformed("the credential data is too short");
    let rest = auth_data.get(37..).ok_or(short.clone())?;
    let (aaguid, rest) = rest.split_at_checked(16).ok_or(short.clone())?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(short.clone())?;
    let (credential, cose) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(short)?;
    if credential.is_empty() || credential.len() > 1023 {
        return Err(PasskeyError::Malformed("the credential id has not 1 to 1023 bytes"));
    }
    let (alg, public_key) = cose_key(cose)?;
    Ok(Registration {
        credential: base64url(credential),
        key: CredentialKey::Passkey {
            alg: alg.to_owned(),
            public_key: base64url(&public_key),
            rp_id: rp_id.to_owned(),
            aaguid: hex(aaguid),
            user_verified: flags & USER_VERIFIED != 0,
            backed_up: flags & BACKED_UP != 0,
        },
    })
}

/// Checks an assertion: the enrolled key signed `challenge`, for its relying party, with the user verified.
///
/// # Errors
/// When any of that is not so.
pub fn verify(key: &CredentialKey, assertion: &Assertion, challenge: &[u8]) -> Result<(), PasskeyError> {
    let CredentialKey::Passkey { alg, public_key, rp_id, .. } = key else {
        return Err(PasskeyError::Mismatch("the credential is not a passkey"));
    };
    let decode = |text: &str| from_base64url(text).ok_or(PasskeyError::Malformed("a member is not base64url"));
    let (auth_data, client_data) = (decode(&assertion.authenticator_data)?, decode(&assertion.client_data_json)?);
    let (signature, public_key) = (decode(&assertion.signature)?, decode(public_key)?);
    check_client_data(&client_data, "webauthn.get", challenge, rp_id)?;
    check_auth_data(&auth_data, rp_id)?;
    let mut message = auth_data;
    message.extend_from_slice(Digest::of(&client_data).as_bytes());
    let good = match alg.as_str() {
        "ES256" => {
            let key = EsKey::from_sec1_bytes(&public_key).map_err(|_| PasskeyError::Malformed("the enrolled key is not a P-256 point"))?;
            EsSignature::from_der(&signature).is_ok_and(|signature| key.verify(&message, &signature).is_ok())
        }
        "EdDSA" => {
            let bytes = public_key.as_slice().try_into().map_err(|_| PasskeyError::Malformed("the enrolled key has not 32 bytes"))?;
            let key = EdKey::from_bytes(bytes).map_err(|_| PasskeyError::Malformed("the enrolled key is not an Ed25519 key"))?;
            ed25519_dalek::Signature::from_slice(&signature).is_ok_and(|signature| key.verify_strict(&message, &signature).is_ok())
        }
        _ => return Err(PasskeyError::Algorithm),
    };
    if good { Ok(()) } else { Err(PasskeyError::Signature) }
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

fn check_client_data(json: &[u8], kind: &str, challenge: &[u8], rp_id: &str) -> Result<(), PasskeyError> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| PasskeyError::Malformed("the client data is not JSON"))?;
    if data.kind != kind {
        return Err(PasskeyError::Mismatch("another ceremony"));
    }
    if from_base64url(&data.challenge).as_deref() != Some(challenge) {
        return Err(PasskeyError::Mismatch("another challenge"));
    }
    if data.cross_origin || !origin_belongs(&data.origin, rp_id) {
        return Err(PasskeyError::Mismatch("another site"));
    }
    Ok(())
}

/// Whether an origin may use a relying party id: https on that host or below it, or http on localhost itself.
fn origin_belongs(origin: &str, rp_id: &str) -> bool {
    let (scheme, rest) = origin.split_once("://").unwrap_or_default();
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, ""));
    let host_fits = host == rp_id || host.strip_suffix(rp_id).is_some_and(|left| left.ends_with('.'));
    let port_fits = port.bytes().all(|byte| byte.is_ascii_digit());
    host_fits && port_fits && (scheme == "https" || (scheme == "http" && host == "localhost"))
}

fn check_auth_data(auth_data: &[u8], rp_id: &str) -> Result<u8, PasskeyError> {
    let (Some(rp_hash), Some(flags), true) = (auth_data.get(..32), auth_data.get(32), auth_data.len() >= 37) else {
        return Err(PasskeyError::Malformed("the authenticator data is too short"));
    };
    if rp_hash != Digest::of(rp_id.as_bytes()).as_bytes() {
        return Err(PasskeyError::Mismatch("another relying party"));
    }
    if flags & USER_PRESENT == 0 || flags & USER_VERIFIED == 0 {
        return Err(PasskeyError::NotVerified);
    }
    if flags & BACKED_UP != 0 && flags & BACKUP_ELIGIBLE == 0 {
        return Err(PasskeyError::Malformed("backed up without being eligible for it"));
    }
    Ok(*flags)
}

fn member(map: &Cbor, wanted: impl Fn(&Cbor) -> bool) -> Option<&Cbor> {
    map.as_map()?.iter().find(|(key, _)| wanted(key)).map(|(_, value)| value)
}

/// COSE keys (RFC 9053): EC2 P-256 with ES256, OKP Ed25519 with EdDSA.
fn cose_key(bytes: &[u8]) -> Result<(&'static str, Vec<u8>), PasskeyError> {
    let key: Cbor = ciborium::from_reader(bytes).map_err(|_| PasskeyError::Malformed("the public key is not CBOR"))?;
    let integer = |label: i64| member(&key, |name| name.as_integer() == Some(label.into())).and_then(Cbor::as_integer).map(i128::from);
    let bytes_of = |label: i64| {
        let value = member(&key, |name| name.as_integer() == Some(label.into())).and_then(Cbor::as_bytes);
        value.filter(|bytes| bytes.len() == 32).ok_or(PasskeyError::Malformed("a coordinate of the public key has not 32 bytes"))
    };
    match (integer(1), integer(3), integer(-1)) {
        (Some(2), Some(-7), Some(1)) => {
            let mut point = vec![4];
            point.extend_from_slice(bytes_of(-2)?);
            point.extend_from_slice(bytes_of(-3)?);
            EsKey::from_sec1_bytes(&point).map_err(|_| PasskeyError::Malformed("the public key is not on the curve"))?;
            Ok(("ES256", point))
        }
        (Some(1), Some(-8), Some(6)) => {
            let bytes = bytes_of(-2)?.clone();
            let array = bytes.as_slice().try_into().map_err(|_| PasskeyError::Malformed("the public key has not 32 bytes"))?;
            match EdKey::from_bytes(array) {
                Ok(point) if !point.is_weak() => Ok(("EdDSA", bytes)),
                _ => Err(PasskeyError::Malformed("the public key is not a usable Ed25519 key")),
            }
        }
        _ => Err(PasskeyError::Algorithm),
    }
}

/// A passkey in software, for tests and for the demonstration, whose people have no hands.
pub mod software {
    use p256::ecdsa::signature::Signer as _;
    use p256::ecdsa::{Signature, SigningKey};

    use super::{USER_PRESENT, USER_VERIFIED, base64url};
    use crate::digest::Digest;
    use crate::event::directory::CredentialKey;
    use crate::event::request::Assertion;

    /// An ES256 key that answers challenges as an authenticator with user verification would.
    pub struct SoftwarePasskey {
        key: SigningKey,
        rp_id: String,
        origin: String,
        credential: String,
    }

    impl SoftwarePasskey {
        /// The passkey of a 32-byte seed; `None` when the seed is not a P-256 scalar.
        #[must_use]
        pub fn from_seed(seed: &[u8; 32], rp_id: &str, origin: &str) -> Option<Self> {
            let key = SigningKey::from_slice(seed).ok()?;
            let point = key.verifying_key().to_sec1_point(false);
            let credential = base64url(Digest::of(point.as_bytes()).as_bytes());
            Some(Self { key, rp_id: rp_id.to_owned(), origin: origin.to_owned(), credential })
        }

        /// Its credential id.
        #[must_use]
        pub fn credential(&self) -> &str {
            &self.credential
        }

        /// Its public part, with an all-zero AAGUID as the mark of a software key.
        #[must_use]
        pub fn public(&self) -> CredentialKey {
            CredentialKey::Passkey {
                alg: "ES256".to_owned(),
                public_key: base64url(self.key.verifying_key().to_sec1_point(false).as_bytes()),
                rp_id: self.rp_id.clone(),
                aaguid: "0".repeat(32),
                user_verified: true,
                backed_up: false,
            }
        }

        /// Signs a challenge.
        #[must_use]
        pub fn sign(&self, challenge: &[u8]) -> Assertion {
            let mut auth_data = Digest::of(self.rp_id.as_bytes()).as_bytes().to_vec();
            auth_data.push(USER_PRESENT | USER_VERIFIED);
            auth_data.extend_from_slice(&[0; 4]);
            let client_data = serde_json::json!({
                "type": "webauthn.get", "challenge": base64url(challenge), "origin": self.origin, "crossOrigin": false,
            })
            .to_string();
            let mut message = auth_data.clone();
            message.extend_from_slice(Digest::of(client_data.as_bytes()).as_bytes());
            let signature: Signature = self.key.sign(&message);
            Assertion {
                credential: self.credential.clone(),
                authenticator_data: base64url(&auth_data),
                client_data_json: base64url(client_data.as_bytes()),
                signature: base64url(signature.to_der().as_bytes()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::software::SoftwarePasskey;
    use super::*;

    fn passkey() -> SoftwarePasskey {
        SoftwarePasskey::from_seed(&[9; 32], "localhost", "http://localhost:8420").unwrap()
    }

    #[test]
    fn an_assertion_verifies_and_nothing_near_it_does() {
        let (key, good) = (passkey().public(), passkey().sign(b"challenge"));
        assert_eq!(verify(&key, &good, b"challenge"), Ok(()));
        assert_eq!(verify(&key, &good, b"other"), Err(PasskeyError::Mismatch("another challenge")));
        let other = SoftwarePasskey::from_seed(&[8; 32], "localhost", "http://localhost:8420").unwrap();
        assert_eq!(verify(&other.public(), &good, b"challenge"), Err(PasskeyError::Signature));
        let elsewhere = SoftwarePasskey::from_seed(&[9; 32], "example.com", "https://example.com").unwrap();
        assert_eq!(verify(&key, &elsewhere.sign(b"challenge"), b"challenge"), Err(PasskeyError::Mismatch("another site")));

        let mut unverified = good.clone();
        let mut auth_data = from_base64url(&good.authenticator_data).unwrap();
        auth_data[32] = USER_PRESENT;
        unverified.authenticator_data = base64url(&auth_data);
        assert_eq!(verify(&key, &unverified, b"challenge"), Err(PasskeyError::NotVerified));
        for member in ["authenticator_data", "client_data_json", "signature"] {
            let mut value = serde_json::to_value(&good).unwrap();
            let mut bytes = from_base64url(value[member].as_str().unwrap()).unwrap();
            for index in 0..bytes.len() {
                bytes[index] ^= 1;
                value[member] = base64url(&bytes).into();
                let damaged: Assertion = serde_json::from_value(value.clone()).unwrap();
                assert!(verify(&key, &damaged, b"challenge").is_err(), "{member} byte {index}");
                bytes[index] ^= 1;
            }
        }
    }

    #[test]
    fn origins() {
        for (origin, rp_id, expected) in [
            ("https://seal.example.com", "example.com", true),
            ("https://example.com:8443", "example.com", true),
            ("https://evil-example.com", "example.com", false),
            ("https://example.com.evil.net", "example.com", false),
            ("http://example.com", "example.com", false),
            ("http://localhost:8420", "localhost", true),
            ("http://a.localhost:8420", "localhost", false),
            ("https://example.com:80@evil.net", "example.com", false),
        ] {
            assert_eq!(origin_belongs(origin, rp_id), expected, "{origin}");
        }
    }
}
