//! The one rule for signatures against Wycheproof, RFC 8032 and the edge cases on which libraries disagree.

use std::io::Read as _;

use privyseal_core::digest::from_hex;
use privyseal_core::note::{NodeKey, VerifierKey};
use serde_json::Value;

use crate::reference::{hex, path, text};

/// Whether we accept: a key that cannot be enrolled verifies nothing.
fn accepts(public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    public.try_into().is_ok_and(|public| VerifierKey::new("test", public).is_ok_and(|key| key.verify(message, signature)))
}

#[test]
fn wycheproof() {
    let Some(path) = path("ledger/wycheproof/ed25519_test.json") else { return };
    let suite: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut count = 0;
    for group in suite["testGroups"].as_array().unwrap() {
        let public = hex(&group["publicKey"], "pk");
        for case in group["tests"].as_array().unwrap() {
            let accepted = accepts(&public, &hex(case, "msg"), &hex(case, "sig"));
            assert_eq!(accepted, text(case, "result") == "valid", "case {}: {}", case["tcId"], case["comment"]);
            count += 1;
        }
    }
    assert_eq!(count, 151);
}

#[test]
fn edge_cases_are_judged_as_verify_strict_does() {
    let Some(path) = path("ledger/ed25519/speccheck_cases.json") else { return };
    let cases: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let verdicts: Vec<bool> =
        cases.iter().map(|case| accepts(&hex(case, "pub_key"), &hex(case, "message"), &hex(case, "signature"))).collect();
    let wanted: Vec<bool> = (0..12).map(|case| case == 3).collect();
    assert_eq!(verdicts, wanted, "only case 3, a mixed-order key in a signature that holds without cofactor");
}

#[test]
fn rfc_8032() {
    let Some(path) = path("ledger/ed25519/sign.input.gz") else { return };
    let mut lines = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut lines).unwrap();
    assert_eq!(lines.lines().count(), 128);
    for line in lines.lines() {
        let fields: Vec<Vec<u8>> = line.trim_end_matches(':').split(':').map(|field| from_hex(field).unwrap()).collect();
        let [secret, public, message, signed] = fields.as_slice() else { panic!("{line}") };
        let seed: [u8; 32] = secret[..32].try_into().unwrap();
        let signature = NodeKey::from_seed("test", &seed).unwrap().sign(message);
        assert_eq!(signature.as_slice(), &signed[..64]);
        assert!(accepts(public, message, &signature));
        let mut other = message.clone();
        other.push(0);
        assert!(!accepts(public, &other, &signature));
    }
}
