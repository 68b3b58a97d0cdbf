//! Timestamps of heads by an outside authority (RFC 3161): the request, and the check of what comes back.
//!
//! A token says that the authority saw the three lines of a head at a moment. It is weaker than a witness, which also says that the head
//! continues every earlier one. Accepted are what authorities use: one signer with a certificate for timestamping and nothing else,
//! RSA (PKCS #1 v1.5, at least 2,048 bits), ECDSA on P-256 and P-384, or Ed25519, with SHA-256, SHA-384 or SHA-512.

mod certificate;
mod der;

use privyseal_core::time::Timestamp;
use sha2::{Digest as _, Sha256};

use self::certificate::{Certificate, Hash};
use self::der::{Node, Reader, encode, encode_unsigned};

const SIGNED_DATA: &[u64] = &[1, 2, 840, 113_549, 1, 7, 2];
const TST_INFO: &[u64] = &[1, 2, 840, 113_549, 1, 9, 16, 1, 4];
const CONTENT_TYPE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 3];
const MESSAGE_DIGEST: &[u64] = &[1, 2, 840, 113_549, 1, 9, 4];
const SIGNING_CERTIFICATE: &[u64] = &[1, 2, 840, 113_549, 1, 9, 16, 2, 12];
const SIGNING_CERTIFICATE_V2: &[u64] = &[1, 2, 840, 113_549, 1, 9, 16, 2, 47];

/// Media type of a request.
pub const QUERY_TYPE: &str = "application/timestamp-query";
/// Longest chain from the signer to the authority that is trusted.
const MAX_CHAIN: usize = 8;

/// Why a timestamp is refused, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// The bytes are not what RFC 3161 and RFC 5652 ask for.
    #[error("the timestamp is malformed: {0}")]
    Malformed(&'static str),
    /// The authority said no.
    #[error("the timestamping authority refused the request with status {0}")]
    Refused(u64),
    /// It uses something that is not accepted here.
    #[error("the timestamp uses {0}, which is not accepted")]
    Unsupported(String),
    /// It is about something else, or was changed.
    #[error("the timestamp does not hold: {0}")]
    Wrong(&'static str),
    /// The file of the trusted authority cannot be used.
    #[error("the file of the timestamping authority holds no usable certificate in PEM form")]
    Authority,
}

use TimestampError::{Malformed, Wrong};

/// The request for a timestamp over `text`, with a number that the answer must repeat.
#[must_use]
pub fn request(text: &[u8], nonce: u64) -> Vec<u8> {
    let imprint = encode(0x30, &[&Hash::Sha256.identifier(), &encode(0x04, &[&Sha256::digest(text)])]);
    // Version 1, and the certificate is to come with the token, so that the token can be checked years later.
    encode(0x30, &[&encode_unsigned(1), &imprint, &encode_unsigned(nonce), &[0x01, 0x01, 0xff]])
}

/// Certificates that a timestamping authority's chain must end in.
#[derive(Clone, Debug)]
pub struct Authority {
    roots: Vec<Certificate>,
}

impl Authority {
    /// The certificates of a PEM file.
    ///
    /// # Errors
    /// When there is none, or one that cannot be read.
    pub fn from_pem(pem: &str) -> Result<Self, TimestampError> {
        let mut roots = Vec::new();
        for block in pem.split("-----BEGIN CERTIFICATE-----").skip(1) {
            let (data, _) = block.split_once("-----END CERTIFICATE-----").ok_or(TimestampError::Authority)?;
            let data: String = data.split_ascii_whitespace().collect();
            let bytes = privyseal_core::digest::from_base64(&data).ok_or(TimestampError::Authority)?;
            roots.push(Certificate::read(&bytes).map_err(|_| TimestampError::Authority)?);
        }
        if roots.is_empty() { Err(TimestampError::Authority) } else { Ok(Self { roots }) }
    }
}

/// What a timestamp that holds says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// When the authority saw the text.
    pub time: Timestamp,
}

/// Checks an answer (`TimeStampResp`, the content of a `.tsr` file) over `text`: granted, about this text, with this number when one is
/// given, signed by a certificate for timestamping that was valid then and chains to the authority.
///
/// # Errors
/// When any of it does not hold.
pub fn verify(answer: &[u8], text: &[u8], nonce: Option<u64>, authority: &Authority) -> Result<Stamped, TimestampError> {
    check(answer, text, nonce, Some(authority))
}

/// Checks an answer over `text` as [`verify`] does, but for who made it: whatever certificate came with it is taken. So that a timestamp
/// of another head, or one that was changed since, is found by those who have no authority to trust.
///
/// # Errors
/// When any of it does not hold.
pub fn verify_without_authority(answer: &[u8], text: &[u8]) -> Result<Stamped, TimestampError> {
    check(answer, text, None, None)
}

fn check(answer: &[u8], text: &[u8], nonce: Option<u64>, authority: Option<&Authority>) -> Result<Stamped, TimestampError> {
    let mut outer = Reader::whole(answer)?.sequence("no answer")?;
    let status = outer.sequence("no status")?.unsigned()?;
    // 0 is granted, 1 granted with changes; everything else comes without a token.
    if status > 1 {
        return Err(TimestampError::Refused(status));
    }
    let mut token = outer.sequence("no token")?;
    outer.end()?;
    token.object_id_is(SIGNED_DATA, "the token is not signed data")?;
    let mut signed = token.explicit(0)?.sequence("no signed data")?;
    signed.unsigned()?;
    signed.expect(0x31, "no digest algorithms")?;
    let mut encapsulated = signed.sequence("no content")?;
    encapsulated.object_id_is(TST_INFO, "the content is not a timestamp")?;
    let content = encapsulated.explicit(0)?.expect(0x04, "the content is not there")?.body;
    let mut certificates = Vec::new();
    if let Some(set) = signed.optional(0xa0)? {
        let mut set = Reader::new(set.body);
        while let Some(node) = set.next()? {
            // Other forms than X.509 certificates may stand here; they are of no use to us.
            if node.tag == 0x30 {
                certificates.push(Certificate::read(node.whole)?);
            }
        }
    }
    signed.optional(0xa1)?;
    let mut signers = Reader::new(signed.expect(0x31, "no signer")?.body);
    let signer = signers.sequence("no signer")?;
    signers.end()?;
    let info = Info::read(content)?;
    info.check(text, nonce)?;
    let roots = authority.map_or(certificates.as_slice(), |authority| authority.roots.as_slice());
    check_signer(signer, content, &info, &certificates, roots)?;
    Ok(Stamped { time: info.time })
}

/// The parts of a `TSTInfo` that matter here.
struct Info<'a> {
    hash: Hash,
    hashed: &'a [u8],
    time: Timestamp,
    nonce: Option<&'a [u8]>,
}

impl<'a> Info<'a> {
    fn read(content: &'a [u8]) -> Result<Self, TimestampError> {
        let mut info = Reader::whole(content)?.sequence("no timestamp")?;
        if info.unsigned()? != 1 {
            return Err(Malformed("a version other than 1"));
        }
        info.expect(0x06, "no policy")?;
        let mut imprint = info.sequence("no imprint")?;
        let hash = Hash::read(&mut imprint)?;
        let hashed = imprint.expect(0x04, "no imprint")?.body;
        info.expect(0x02, "no serial number")?;
        let time = general_time(info.expect(0x18, "no time")?.body).ok_or(Malformed("its time"))?;
        info.optional(0x30)?;
        info.optional(0x01)?;
        let nonce = info.optional(0x02)?.map(|node| node.body);
        Ok(Self { hash, hashed, time, nonce })
    }

    fn check(&self, text: &[u8], nonce: Option<u64>) -> Result<(), TimestampError> {
        if self.hashed != self.hash.of(text) {
            return Err(Wrong("it is about another text"));
        }
        match nonce {
            Some(nonce) if Some(der::unsigned_bytes(nonce).as_slice()) != self.nonce => {
                Err(Wrong("it does not repeat the number of the request"))
            }
            _ => Ok(()),
        }
    }
}

fn check_signer(
    mut signer: Reader<'_>,
    content: &[u8],
    info: &Info<'_>,
    certificates: &[Certificate],
    roots: &[Certificate],
) -> Result<(), TimestampError> {
    signer.unsigned()?;
    let id = signer.next()?.ok_or(Malformed("no signer's name"))?;
    let certificate = certificates.iter().chain(roots).find(|certificate| certificate.is_named(&id));
    let certificate = certificate.ok_or(Wrong("the signer's certificate is not with it"))?;
    let hash = Hash::read(&mut signer)?;
    let attributes = signer.optional(0xa0)?.ok_or(Malformed("no signed attributes"))?;
    check_attributes(&attributes, hash, content, certificate)?;
    let algorithm = signer.sequence("no signature algorithm")?;
    let signature = signer.expect(0x04, "no signature")?.body;
    // Signed are the attributes as a set of their own, RFC 5652 section 5.4.
    let message = encode(0x31, &[attributes.body]);
    if !certificate.verifies(&message, signature, algorithm, Some(hash))? {
        return Err(Wrong("its signature does not verify"));
    }
    if !certificate.is_for_timestamps_only() {
        return Err(Wrong("the signer's certificate is not for timestamping, or not for that alone"));
    }
    check_chain(certificate, info.time, certificates, roots)
}

fn check_attributes(attributes: &Node<'_>, hash: Hash, content: &[u8], certificate: &Certificate) -> Result<(), TimestampError> {
    let (mut is_timestamp, mut is_digest, mut names_certificate) = (false, false, false);
    let mut set = Reader::new(attributes.body);
    while let Some(node) = set.next()? {
        let mut attribute = Reader::new(node.body);
        let kind = attribute.expect(0x06, "no attribute")?;
        let mut values = Reader::new(attribute.expect(0x31, "no attribute value")?.body);
        if kind.is_object_id(CONTENT_TYPE) {
            is_timestamp = values.expect(0x06, "no content type")?.is_object_id(TST_INFO);
        } else if kind.is_object_id(MESSAGE_DIGEST) {
            is_digest = values.expect(0x04, "no digest")?.body == hash.of(content);
        } else if kind.is_object_id(SIGNING_CERTIFICATE_V2) || kind.is_object_id(SIGNING_CERTIFICATE) {
            // The first certificate named is the signer's.
            let mut first = values.sequence("no certificate id")?.sequence("no certificate id")?.sequence("no certificate id")?;
            let named = if kind.is_object_id(SIGNING_CERTIFICATE) {
                Hash::Sha1
            } else {
                first
                    .optional(0x30)?
                    .map_or(Ok(Hash::Sha256), |node| Hash::read(&mut Reader::new(encode(0x30, &[node.body]).as_slice())))?
            };
            names_certificate |= first.expect(0x04, "no certificate hash")?.body == named.of(certificate.bytes());
        }
    }
    if is_timestamp && is_digest && names_certificate { Ok(()) } else { Err(Wrong("its signed attributes are about something else")) }
}

/// From the signer up to a certificate that is trusted, each valid at `time`, each signed by the next, which may sign certificates.
fn check_chain(signer: &Certificate, time: Timestamp, others: &[Certificate], roots: &[Certificate]) -> Result<(), TimestampError> {
    let mut current = signer;
    for below in 0..MAX_CHAIN {
        if !current.is_valid_at(time) {
            return Err(Wrong("a certificate of its chain was not valid then"));
        }
        if roots.iter().any(|root| root.bytes() == current.bytes()) {
            return Ok(());
        }
        let issuers = roots.iter().chain(others);
        let issuer = issuers.into_iter().find(|issuer| issuer.may_issue(below) && current.is_issued_by(issuer));
        current = issuer.ok_or(Wrong("its chain does not end in the trusted authority"))?;
    }
    Err(Wrong("its chain is too long"))
}

/// A `GeneralizedTime` as RFC 3161 writes it: `YYYYMMDDhhmmss[.fraction]Z`.
fn general_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if whole.len() != 14 || fraction.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to);
    let date = format!("{}-{}-{}T{}:{}:{}", part(0, 4)?, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    format!("{date}.{micros}Z").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_fractions() {
        for (text, time) in [
            ("20261123143000Z", Some("2026-11-23T14:30:00.000000Z")),
            ("20261123143000.5Z", Some("2026-11-23T14:30:00.500000Z")),
            ("20261123143000.1234567Z", Some("2026-11-23T14:30:00.123456Z")),
            ("20261123143000", None),
            ("20261123143000.Z", None),
            ("20261323143000Z", None),
            ("2026112314300\u{e9}Z", None),
        ] {
            assert_eq!(general_time(text.as_bytes()), time.map(|time| time.parse().unwrap()), "{text}");
        }
    }
}
