//! The grant as a signed token, so that whoever executes can check it without asking anybody: a JWS in compact form (RFC 7515) with
//! EdDSA over Ed25519 (RFC 8037), its claims those of a JWT (RFC 7519).
//!
//! A token proves what was approved, for whom, where and until when. It is no bearer's right: whether a use is left, and whether the
//! grant was taken back, only redeeming it says.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, base64url, from_base64url};
use crate::event::execution::GrantIssued;
use crate::event::request::Mechanism;
use crate::id::{GrantId, PrincipalId, RequestId};
use crate::note::{KeyId, NodeKey, VerifierKey};
use crate::time::Timestamp;

/// The media type in the header, so that no other token of the same key can be taken for a grant.
pub const TYPE: &str = "privyseal-grant+jwt";

/// Longer texts are no grant tokens.
pub const MAX_TOKEN_BYTES: usize = 8_192;

/// Most seconds by which an executor's clock may differ from the engine's.
pub const MAX_TOLERANCE_SECONDS: i64 = 60;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    /// Origin of the log in which the grant stands.
    pub iss: String,
    /// The only principal that may redeem it.
    pub sub: PrincipalId,
    /// The only system where it may be redeemed; absent for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// The grant.
    pub jti: GrantId,
    /// When it was issued: the moment of approval, in whole seconds since 1970.
    pub iat: i64,
    /// First second at which it may be redeemed.
    pub nbf: i64,
    /// First second at which it may not; never later than the grant's own end.
    pub exp: i64,
    /// The request behind it.
    pub request_id: RequestId,
    /// The one action that may run.
    pub action_digest: Digest,
    /// The policy under which it was approved.
    pub policy_digest: Digest,
    /// How it came about.
    pub mechanism: Mechanism,
    /// How often it may be redeemed.
    pub max_uses: u64,
    /// The grant's own nonce.
    pub nonce: String,
}

/// What an executor expects of a token.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// Keys of the log, known from elsewhere.
    pub keys: &'a [VerifierKey],
    /// The executor's clock.
    pub now: Timestamp,
    /// By how many seconds that clock may be wrong, 0 to [`MAX_TOLERANCE_SECONDS`].
    pub tolerance_seconds: i64,
    /// Who executes.
    pub subject: &'a PrincipalId,
    /// The name that the executing system gives itself, when it has one.
    pub audience: Option<&'a str>,
    /// Digest of what is about to run.
    pub action_digest: Digest,
}

/// Why a token allows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token of this form.
    #[error("not a grant token: {0}")]
    Malformed(&'static str),
    /// It is signed by a key that the executor does not know.
    #[error("the token is signed by key {0}, which is none of the trusted keys")]
    UnknownKey(String),
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// It is of another log than the key.
    #[error("the token says that it is of log {0}, its key is of another")]
    WrongLog(String),
    /// Its time has not come, or is over.
    #[error("the token is good from {from} until {to}, both in seconds since 1970")]
    OutOfTime {
        /// First second.
        from: i64,
        /// First second after.
        to: i64,
    },
    /// It is for somebody else.
    #[error("the token is for `{0}`")]
    WrongSubject(PrincipalId),
    /// It is for another system.
    #[error("the token is for the system `{0}`")]
    WrongAudience(String),
    /// What would run is not what was approved.
    #[error("what would run is not what was approved")]
    WrongAction,
}

impl Claims {
    /// What the token of a grant says.
    #[must_use]
    pub fn of(log: &str, request: RequestId, policy_digest: Digest, issued: &GrantIssued) -> Self {
        let seconds = |moment: Timestamp| moment.micros().div_euclid(1_000_000);
        Self {
            iss: log.to_owned(),
            sub: issued.subject.clone(),
            aud: issued.audience.clone(),
            jti: issued.grant_id,
            iat: seconds(issued.not_before),
            nbf: seconds(issued.not_before),
            exp: seconds(issued.expires_at),
            request_id: request,
            action_digest: issued.action_digest,
            policy_digest,
            mechanism: issued.mechanism,
            max_uses: issued.max_uses,
            nonce: issued.nonce.clone(),
        }
    }

    /// The token, signed. The same claims and key always give the same token.
    ///
    /// # Errors
    /// When the claims do not serialise, which no claims are known to do.
    pub fn sign(&self, key: &NodeKey) -> Result<String, serde_json::Error> {
        let header = Header { alg: "EdDSA".to_owned(), kid: key.id().to_string(), typ: TYPE.to_owned() };
        let message = format!("{}.{}", base64url(&serde_json::to_vec(&header)?), base64url(&serde_json::to_vec(self)?));
        let signature = base64url(&key.sign(message.as_bytes()));
        Ok(format!("{message}.{signature}"))
    }
}

/// The claims of a token that allows exactly what is about to run, here, now, by this executor.
///
/// # Errors
/// With the first thing that is wrong; the signature is looked at before anything it covers is believed.
pub fn verify(token: &str, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    let (key, claims) = open(token, expected.keys)?;
    if claims.iss != key.name() {
        return Err(TokenError::WrongLog(claims.iss));
    }
    let now = expected.now.micros().div_euclid(1_000_000);
    let tolerance = expected.tolerance_seconds.clamp(0, MAX_TOLERANCE_SECONDS);
    if now + tolerance < claims.nbf || now - tolerance >= claims.exp {
        return Err(TokenError::OutOfTime { from: claims.nbf, to: claims.exp });
    }
    if claims.sub != *expected.subject {
        return Err(TokenError::WrongSubject(claims.sub));
    }
    if let Some(audience) = claims.aud.as_ref().filter(|audience| expected.audience != Some(audience.as_str())) {
        return Err(TokenError::WrongAudience(audience.clone()));
    }
    if claims.action_digest != expected.action_digest {
        return Err(TokenError::WrongAction);
    }
    Ok(claims)
}

/// The claims of a token that one of these keys signed, and that key.
pub(crate) fn open<'k>(token: &str, keys: &'k [VerifierKey]) -> Result<(&'k VerifierKey, Claims), TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Malformed("it is too long"));
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed("it has not three parts"))?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed("it has not three parts"))?;
    let part = |text: &str| from_base64url(text).ok_or(TokenError::Malformed("a part is not base64url without padding"));
    let header: Header = serde_json::from_slice(&part(header)?).map_err(|_| TokenError::Malformed("its header is not alg, kid and typ"))?;
    if header.alg != "EdDSA" || header.typ != TYPE {
        return Err(TokenError::Malformed("its header is of something else"));
    }
    let id: KeyId = header.kid.parse().map_err(|_| TokenError::Malformed("its kid is not the id of a key"))?;
    let signature = part(signature)?;
    let mut same_id = keys.iter().filter(|key| key.id() == id).peekable();
    if same_id.peek().is_none() {
        return Err(TokenError::UnknownKey(header.kid));
    }
    let key = same_id.find(|key| key.verify(message.as_bytes(), &signature)).ok_or(TokenError::BadSignature)?;
    let claims = serde_json::from_slice(&part(payload)?).map_err(|_| TokenError::Malformed("its claims are not those of a grant"))?;
    Ok((key, claims))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const LOG: &str = "test.example/privyseal/token";

    fn key(seed: u8) -> NodeKey {
        NodeKey::from_seed(LOG, &[seed; 32]).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn claims() -> Claims {
        let issued = GrantIssued {
            grant_id: GrantId::new(at("2026-07-01T09:00:00Z"), [3; 10]),
            action_digest: Digest::of(b"action"),
            action: "db.schema.apply".parse().unwrap(),
            resource: serde_json::from_value(json!({"type": "postgres", "id": "orders/prod"})).unwrap(),
            environment: None,
            subject: "agent:bot".parse().unwrap(),
            scope: "exact/1".to_owned(),
            not_before: at("2026-07-01T09:00:00.500000Z"),
            expires_at: at("2026-07-01T09:10:00.500000Z"),
            max_uses: 1,
            nonce: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            mechanism: Mechanism::Quorum,
            audience: Some("runner-eu-1".to_owned()),
            run_seconds: Some(60),
        };
        Claims::of(LOG, RequestId::new(at("2026-07-01T08:00:00Z"), [2; 10]), Digest::of(b"policy"), &issued)
    }

    fn check(token: &str, change: impl FnOnce(&mut Expected<'_>)) -> Result<Claims, TokenError> {
        let (keys, subject) = ([key(1).verifier(), key(2).verifier()], "agent:bot".parse().unwrap());
        let mut expected = Expected {
            keys: &keys,
            now: at("2026-07-01T09:05:00Z"),
            tolerance_seconds: 0,
            subject: &subject,
            audience: Some("runner-eu-1"),
            action_digest: Digest::of(b"action"),
        };
        change(&mut expected);
        verify(token, &expected)
    }

    /// A token with parts of our choice, properly signed.
    fn forge(header: &Value, claims: &Value, key: &NodeKey) -> String {
        let message = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
        let signature = base64url(&key.sign(message.as_bytes()));
        format!("{message}.{signature}")
    }

    #[test]
    fn an_executor_checks_everything_offline() {
        let token = claims().sign(&key(1)).unwrap();
        assert_eq!(check(&token, |_| {}), Ok(claims()));
        let wrong = |change: fn(&mut Expected<'_>)| check(&token, change).unwrap_err();
        assert_eq!(wrong(|expected| expected.keys = &[]), TokenError::UnknownKey(key(1).id().to_string()));
        assert!(matches!(wrong(|expected| expected.now = at("2026-07-01T08:59:59Z")), TokenError::OutOfTime { .. }));
        assert!(matches!(wrong(|expected| expected.now = at("2026-07-01T09:10:00Z")), TokenError::OutOfTime { .. }), "never later");
        assert_eq!(wrong(|expected| expected.audience = Some("runner-us-1")), TokenError::WrongAudience("runner-eu-1".into()));
        assert_eq!(wrong(|expected| expected.audience = None), TokenError::WrongAudience("runner-eu-1".into()));
        assert_eq!(wrong(|expected| expected.action_digest = Digest::of(b"other")), TokenError::WrongAction);
        let mut others = claims();
        others.sub = "agent:other".parse().unwrap();
        assert!(matches!(check(&others.sign(&key(1)).unwrap(), |_| {}), Err(TokenError::WrongSubject(_))));
    }

    #[test]
    fn a_clock_may_be_wrong_by_a_minute_at_most() {
        let token = claims().sign(&key(1)).unwrap();
        let late = |tolerance| {
            check(&token, |expected| {
                expected.now = at("2026-07-01T09:10:30Z");
                expected.tolerance_seconds = tolerance;
            })
        };
        assert!(late(0).is_err() && late(30).is_err() && late(31).is_ok());
        let very_late = check(&token, |expected| {
            expected.now = at("2026-07-01T09:12:00Z");
            expected.tolerance_seconds = 3_600;
        });
        assert!(very_late.is_err(), "a tolerance beyond the limit is the limit");
    }

    #[test]
    fn tokens_that_are_not_ours() {
        let own = |kid: &KeyId| json!({"alg": "EdDSA", "kid": kid.to_string(), "typ": TYPE});
        let (one, body) = (key(1), serde_json::to_value(claims()).unwrap());
        let with = |name: &str, value: Value| {
            let mut body = body.clone();
            body[name] = value;
            body
        };
        assert!(check(&forge(&own(&one.id()), &body, &one), |_| {}).is_ok(), "the forge makes good ones");
        for (what, token) in [
            ("no algorithm", forge(&json!({"alg": "none", "kid": one.id().to_string(), "typ": TYPE}), &body, &one)),
            ("another algorithm", forge(&json!({"alg": "HS256", "kid": one.id().to_string(), "typ": TYPE}), &body, &one)),
            ("another type", forge(&json!({"alg": "EdDSA", "kid": one.id().to_string(), "typ": "JWT"}), &body, &one)),
            (
                "a member that must be understood",
                forge(&json!({"alg": "EdDSA", "kid": one.id().to_string(), "typ": TYPE, "crit": ["x"]}), &body, &one),
            ),
            ("a key of its own", forge(&json!({"alg": "EdDSA", "kid": one.id().to_string(), "typ": TYPE, "jwk": {}}), &body, &one)),
            ("signed by another of the keys", forge(&own(&one.id()), &body, &key(2))),
            ("signed by a stranger", forge(&own(&key(9).id()), &body, &key(9))),
            ("of another log", forge(&own(&one.id()), &with("iss", json!("elsewhere")), &one)),
            ("with a claim too many", forge(&own(&one.id()), &with("admin", json!(true)), &one)),
            ("with a fraction of a second", forge(&own(&one.id()), &with("exp", json!(1.5)), &one)),
        ] {
            assert!(check(&token, |_| {}).is_err(), "{what}");
        }
        let token = claims().sign(&one).unwrap();
        for bad in ["", ".", "..", "a.b.c", "a.b", &format!("{token}="), &format!("{token}.x"), &format!(" {token}"), &"x".repeat(9_000)] {
            assert!(matches!(check(bad, |_| {}), Err(TokenError::Malformed(_) | TokenError::BadSignature)), "{bad}");
        }
        for at in 0..token.len() {
            let mut flipped = token.clone().into_bytes();
            flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
            let flipped = String::from_utf8(flipped).unwrap();
            assert!(flipped == token || check(&flipped, |_| {}).is_err(), "byte {at}");
        }
    }

    /// The token of these claims by the key whose seed is 32 times 1, for whoever writes a verifier.
    #[test]
    fn the_golden_token_never_changes() {
        let golden = include_str!("../../../tests/vectors/grant.jws");
        assert_eq!(claims().sign(&key(1)).unwrap(), golden);
        assert_eq!(check(golden, |_| {}), Ok(claims()));
    }

    /// RFC 8037, appendix A.4: our signature is that of any JWS library.
    #[test]
    fn the_signature_of_rfc_8037() {
        let seed: [u8; 32] = from_base64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap().try_into().unwrap();
        let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = NodeKey::from_seed(LOG, &seed).unwrap().sign(message.as_bytes());
        assert_eq!(base64url(&signature), "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
    }
}
