//! Certificates of timestamping authorities: whose they are, when they count, what they may do, and what their keys signed.

use p256::ecdsa::signature::Verifier as _;
use privyseal_core::time::Timestamp;
use rsa::pkcs1v15;
use rsa::traits::PublicKeyParts as _;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};

use super::TimestampError::{self, Malformed, Unsupported};
use super::der::{Node, Reader, encode, object_id};

/// Smallest RSA key accepted, in bytes.
const MIN_RSA_BYTES: usize = 256;
/// The only purpose that a timestamping certificate may have, RFC 3161 section 2.3.
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// The hash functions that occur. SHA-1 only names a certificate whose signature is checked anyway (RFC 5035).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha384 => Sha384::digest(bytes).to_vec(),
            Self::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }

    /// The `AlgorithmIdentifier`.
    pub(super) fn identifier(self) -> Vec<u8> {
        encode(0x30, &[&encode(0x06, &[&self.object_id()]), &[0x05, 0x00]])
    }

    fn object_id(self) -> Vec<u8> {
        object_id(match self {
            Self::Sha1 => &[1, 3, 14, 3, 2, 26],
            Self::Sha256 => &[2, 16, 840, 1, 101, 3, 4, 2, 1],
            Self::Sha384 => &[2, 16, 840, 1, 101, 3, 4, 2, 2],
            Self::Sha512 => &[2, 16, 840, 1, 101, 3, 4, 2, 3],
        })
    }

    /// Reads an `AlgorithmIdentifier` of a hash that is strong.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, TimestampError> {
        let id = reader.sequence("no hash algorithm")?.expect(0x06, "no hash algorithm")?.body;
        let known = [Self::Sha256, Self::Sha384, Self::Sha512].into_iter().find(|hash| hash.object_id() == id);
        known.ok_or_else(|| Unsupported("a hash function other than SHA-256, SHA-384 or SHA-512".to_owned()))
    }
}

/// A certificate as it came, and as it reads.
#[derive(Clone, Debug)]
pub(super) struct Certificate {
    bytes: Vec<u8>,
    /// The part that its issuer signed, as it came.
    signed: Vec<u8>,
    read: x509_cert::Certificate,
}

impl Certificate {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, TimestampError> {
        let read = x509_cert::Certificate::from_der(bytes).map_err(|_| Malformed("a certificate"))?;
        let signed = Reader::whole(bytes)?.sequence("a certificate")?.expect(0x30, "a certificate")?.whole.to_vec();
        Ok(Self { bytes: bytes.to_vec(), signed, read })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a `SignerIdentifier` names it: by issuer and serial number, or by key identifier.
    pub(super) fn is_named(&self, id: &Node<'_>) -> bool {
        let tbs = self.read.tbs_certificate();
        match id.tag {
            0x30 => {
                let (issuer, serial) = (tbs.issuer().to_der(), tbs.serial_number().to_der());
                matches!((&issuer, &serial), (Ok(issuer), Ok(serial)) if id.body == [issuer.as_slice(), serial].concat())
            }
            0x80 => matches!(tbs.get_extension::<SubjectKeyIdentifier>(), Ok(Some((_, key))) if key.0.as_bytes() == id.body),
            _ => false,
        }
    }

    pub(super) fn is_valid_at(&self, time: Timestamp) -> bool {
        let validity = self.read.tbs_certificate().validity();
        let seconds = u64::try_from(time.micros().div_euclid(1_000_000)).unwrap_or(0);
        (validity.not_before.to_unix_duration().as_secs()..=validity.not_after.to_unix_duration().as_secs()).contains(&seconds)
    }

    /// Whether timestamping is its one purpose, marked critical.
    pub(super) fn is_for_timestamps_only(&self) -> bool {
        match self.read.tbs_certificate().get_extension::<ExtendedKeyUsage>() {
            Ok(Some((true, ExtendedKeyUsage(purposes)))) => matches!(purposes.as_slice(), [one] if one.to_string() == TIME_STAMPING),
            _ => false,
        }
    }

    /// Whether it may sign a certificate below which as many authorities follow: RFC 5280 section 4.2.1.9.
    pub(super) fn may_issue(&self, below: usize) -> bool {
        let tbs = self.read.tbs_certificate();
        let is_authority = match tbs.get_extension::<BasicConstraints>() {
            Ok(Some((_, constraints))) => constraints.ca && constraints.path_len_constraint.is_none_or(|limit| below <= usize::from(limit)),
            _ => false,
        };
        let may_sign = match tbs.get_extension::<KeyUsage>() {
            Ok(usage) => usage.is_none_or(|(_, usage)| usage.key_cert_sign()),
            Err(_) => false,
        };
        is_authority && may_sign
    }

    /// Whether `issuer` is named as its issuer and has signed it.
    pub(super) fn is_issued_by(&self, issuer: &Self) -> bool {
        let named = self.read.tbs_certificate().issuer() == issuer.read.tbs_certificate().subject();
        let Ok(algorithm) = self.read.signature_algorithm().to_der() else { return false };
        let Ok(algorithm) = Reader::new(&algorithm).sequence("") else { return false };
        let signature = self.read.signature().as_bytes().unwrap_or_default();
        named && matches!(issuer.verifies(&self.signed, signature, algorithm, None), Ok(true))
    }

    /// Whether its key made a signature by an algorithm that may leave the hash to be named elsewhere.
    pub(super) fn verifies(
        &self,
        message: &[u8],
        signature: &[u8],
        mut algorithm: Reader<'_>,
        hash: Option<Hash>,
    ) -> Result<bool, TimestampError> {
        let id = algorithm.expect(0x06, "no signature algorithm")?;
        let info = self.read.tbs_certificate().subject_public_key_info();
        let point = info.subject_public_key.as_bytes().unwrap_or_default();
        let rsa = |last: u64| id.is_object_id(&[1, 2, 840, 113_549, 1, 1, last]);
        let ecdsa = |last: u64| id.is_object_id(&[1, 2, 840, 10_045, 4, 3, last]);
        let unknown = || Unsupported("a signature algorithm other than RSA (PKCS #1 v1.5), ECDSA or Ed25519".to_owned());
        let named = if rsa(11) || ecdsa(2) {
            Some(Hash::Sha256)
        } else if rsa(12) || ecdsa(3) {
            Some(Hash::Sha384)
        } else if rsa(13) || ecdsa(4) {
            Some(Hash::Sha512)
        } else if rsa(1) {
            Some(hash.ok_or_else(unknown)?)
        } else {
            None
        };
        if named.is_some() && hash.is_some() && named != hash {
            return Ok(false);
        }
        match named {
            Some(named) if rsa(1) || rsa(11) || rsa(12) || rsa(13) => {
                verify_rsa(&info.to_der().map_err(|_| Malformed("an RSA key"))?, named, message, signature)
            }
            Some(named) => verify_ecdsa(point, &named.of(message), signature),
            None if id.is_object_id(&[1, 3, 101, 112]) => verify_ed25519(point, message, signature),
            None => Err(unknown()),
        }
    }
}

fn verify_rsa(key: &[u8], hash: Hash, message: &[u8], signature: &[u8]) -> Result<bool, TimestampError> {
    use rsa::pkcs8::DecodePublicKey as _;
    let key = rsa::PublicKey::from_public_key_der(key).map_err(|_| Malformed("an RSA key"))?;
    if key.size() < MIN_RSA_BYTES {
        return Err(Unsupported("an RSA key of fewer than 2,048 bits".to_owned()));
    }
    let Ok(signature) = pkcs1v15::Signature::try_from(signature) else { return Ok(false) };
    Ok(match hash {
        Hash::Sha1 => false,
        Hash::Sha256 => pkcs1v15::VerifyingKey::<Sha256>::new(key).verify(message, &signature).is_ok(),
        Hash::Sha384 => pkcs1v15::VerifyingKey::<Sha384>::new(key).verify(message, &signature).is_ok(),
        Hash::Sha512 => pkcs1v15::VerifyingKey::<Sha512>::new(key).verify(message, &signature).is_ok(),
    })
}

fn verify_ecdsa(point: &[u8], digest: &[u8], signature: &[u8]) -> Result<bool, TimestampError> {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    // Points of the two curves differ in length, and what is no point of its curve is refused.
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_sec1_bytes(point) {
        return Ok(p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()));
    }
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point);
    let key = key.map_err(|_| Unsupported("an elliptic curve other than P-256 or P-384".to_owned()))?;
    Ok(p384::ecdsa::Signature::from_der(signature).is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok()))
}

fn verify_ed25519(point: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, TimestampError> {
    let public: [u8; 32] = point.try_into().map_err(|_| Malformed("an Ed25519 key"))?;
    let key = privyseal_core::note::VerifierKey::new("authority", &public).map_err(|_| Malformed("an Ed25519 key"))?;
    Ok(key.verify(message, signature))
}
