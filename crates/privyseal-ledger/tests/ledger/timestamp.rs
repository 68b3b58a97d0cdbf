//! Timestamps by a real authority: OpenSSL behind a few lines of HTTP. Without OpenSSL the authority's part is left out, and said so.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use privyseal_core::port::Posted;
use privyseal_core::time::Timestamp;
use privyseal_ledger::stamp::{self, StampError, Stamper};
use privyseal_ledger::timestamp::{Authority, QUERY_TYPE, TimestampError, request, verify};
use privyseal_ledger::verify::{Report, Verdict};

use crate::fixture::{Fixture, ORIGIN, heartbeat};
use crate::http::{self, PlainPost};

const CONFIGURATION: &str = "[tsa]\ndefault_tsa = t\n[t]\nserial = ./serial\ndefault_policy = 1.2.3.4\ndigests = sha256\n\
                             signer_digest = sha256\naccuracy = secs:1\ness_cert_id_alg = sha256\n";

fn openssl(folder: &Path, arguments: &str) {
    let done = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A folder with a CA, and with signers that it certified: `good`, `curve` (P-256), `web` (for servers, not for timestamps), and one
/// `stranger` that another CA certified.
fn authority() -> Option<tempfile::TempDir> {
    if Command::new("openssl").arg("version").output().is_err() {
        #[expect(clippy::print_stderr, reason = "whoever reads the test's output has to know what was left out")]
        {
            eprintln!("left out: there is no openssl here, so no timestamping authority can be run");
        }
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("ts.cnf"), CONFIGURATION).unwrap();
    fs::write(path.join("serial"), "01\n").unwrap();
    fs::write(path.join("stamps"), "extendedKeyUsage=critical,timeStamping\n").unwrap();
    fs::write(path.join("servers"), "extendedKeyUsage=critical,serverAuth\n").unwrap();
    for ca in ["ca", "other"] {
        openssl(
            path,
            &format!(
                "req -x509 -newkey rsa:2048 -nodes -keyout {ca}.key -out {ca}.pem -subj /CN={ca} -days 30 -addext keyUsage=critical,keyCertSign"
            ),
        );
    }
    let signers = [("good", "rsa:2048", "ca", "stamps"), ("web", "rsa:2048", "ca", "servers"), ("stranger", "rsa:2048", "other", "stamps")];
    let curve = ("curve", "ec -pkeyopt ec_paramgen_curve:prime256v1", "ca", "stamps");
    for (name, kind, ca, purpose) in signers.into_iter().chain([curve]) {
        openssl(path, &format!("req -newkey {kind} -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        openssl(
            path,
            &format!("x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -out {name}.pem -days 30 -extfile {purpose}"),
        );
    }
    Some(folder)
}

/// The authority's answer to a query, signed by one of its signers. OpenSSL itself refuses to sign with a certificate that is not for
/// timestamps.
fn answer(folder: &Path, signer: &str, query: &[u8]) -> Vec<u8> {
    fs::write(folder.join("query"), query).unwrap();
    openssl(folder, &format!("ts -reply -queryfile query -signer {signer}.pem -inkey {signer}.key -config ts.cnf -out answer"));
    fs::read(folder.join("answer")).unwrap()
}

fn trusted(folder: &Path, file: &str) -> Authority {
    Authority::from_pem(&fs::read_to_string(folder.join(file)).unwrap()).unwrap()
}

#[test]
fn answers_of_a_real_authority_hold_and_every_flip_is_found_or_harmless() {
    let Some(folder) = authority() else { return };
    let (path, text) = (folder.path(), b"three\nlines\nof a head\n");
    let ca = trusted(path, "ca.pem");
    let good = answer(path, "good", &request(text, 7));
    verify(&good, text, Some(7), &ca).unwrap();
    verify(&good, text, None, &ca).unwrap();
    // The highest bit of a number must not make it negative.
    verify(&answer(path, "curve", &request(text, u64::MAX)), text, Some(u64::MAX), &ca).unwrap();
    assert_eq!(verify(&good, text, Some(8), &ca), Err(TimestampError::Wrong("it does not repeat the number of the request")));
    assert_eq!(verify(&good, b"another head", Some(7), &ca), Err(TimestampError::Wrong("it is about another text")));
    let stranger = answer(path, "stranger", &request(text, 7));
    assert_eq!(verify(&stranger, text, Some(7), &ca), Err(TimestampError::Wrong("its chain does not end in the trusted authority")));
    verify(&stranger, text, Some(7), &trusted(path, "other.pem")).unwrap();
    let refused = answer(path, "good", &request(text, 7)[..20]);
    assert_eq!(verify(&refused, text, Some(7), &ca), Err(TimestampError::Refused(2)));
    // OpenSSL reads our files as we read its own.
    fs::write(path.join("text"), text).unwrap();
    fs::write(path.join("answer"), &good).unwrap();
    openssl(path, "ts -verify -in answer -data text -CAfile ca.pem");

    let stamped = verify(&good, text, Some(7), &ca).unwrap();
    for position in 0..good.len() {
        for bit in [1, 0x80] {
            let mut changed = good.clone();
            changed[position] ^= bit;
            // A flip outside what is signed (a status text, a hint) may pass, but never with another meaning.
            if let Ok(passed) = verify(&changed, text, Some(7), &ca) {
                assert_eq!(passed, stamped, "flip at byte {position}");
            }
        }
        assert!(verify(&good[..position], text, Some(7), &ca).is_err(), "cut at {position}");
    }
}

#[test]
fn only_certificates_for_timestamps_count_and_only_authorities_certify() {
    let Some(folder) = authority() else { return };
    let (path, text) = (folder.path(), b"three\nlines\nof a head\n");
    let good = answer(path, "good", &request(text, 7));
    // Trusting the signer itself is a chain of one; trusting another signer of the same CA is none.
    verify(&good, text, Some(7), &trusted(path, "good.pem")).unwrap();
    assert!(verify(&good, text, Some(7), &trusted(path, "web.pem")).is_err());
    // The golden token was stamped below an intermediate authority, which its root allows.
    let vector =
        |name: &str| fs::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/timestamp")).join(name)).unwrap();
    let root = Authority::from_pem(&String::from_utf8(vector("ca.pem")).unwrap()).unwrap();
    verify(&vector("p256.tsr"), &vector("checkpoint"), None, &root).unwrap();
    assert!(Authority::from_pem("").is_err());
    assert!(Authority::from_pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err());
}

fn stamper(fixture: &Fixture, url: String, authority: Authority) -> Stamper {
    Stamper { layout: fixture.layout.clone(), url, authority, every_seconds: 3_600, post: Arc::new(PlainPost) }
}

fn report(fixture: &Fixture, authority: &Authority) -> Report {
    let mut report = fixture.verify();
    stamp::check_kept(&fixture.layout, ORIGIN, Some(authority), &mut report);
    report
}

fn file(fixture: &Fixture, size: u64, ending: &str) -> PathBuf {
    fixture.layout.below_ledger(&format!("timestamps/{size:012}.{ending}"))
}

fn without_authority(fixture: &Fixture) -> Report {
    let mut report = fixture.verify();
    stamp::check_kept(&fixture.layout, ORIGIN, None, &mut report);
    report
}

#[test]
fn heads_are_stamped_when_due_and_checked_against_the_log() {
    let Some(folder) = authority() else { return };
    let mut fixture = Fixture::full();
    let path = folder.path().to_owned();
    let url = http::serve(move |_, query| {
        Some(Posted { status: 200, content_type: "application/timestamp-reply".into(), body: answer(&path, "good", query) })
    });
    let ca = trusted(folder.path(), "ca.pem");
    let stamper = stamper(&fixture, format!("{url}/tsa"), ca.clone());
    let first = fixture.tip.edge.size();
    let (size, stamped) = stamper.round(Timestamp::default(), 11).unwrap().unwrap();
    assert_eq!(size, first);
    let soon = stamped.time.plus_seconds(10);
    assert_eq!(stamper.round(stamped.time.plus_seconds(9_999), 12).unwrap(), None, "nothing new to stamp");
    fixture.append(vec![heartbeat()]);
    fixture.publish();
    assert_eq!(stamper.round(soon, 13).unwrap(), None, "the last one is recent");
    assert_eq!(stamper.round(stamped.time.plus_seconds(3_600), 14).unwrap().unwrap().0, first + 1);
    assert_eq!(stamp::sizes(&fixture.layout).unwrap(), [first, first + 1]);
    assert_eq!(report(&fixture, &ca).verdict, Verdict::Verified, "{}", report(&fixture, &ca));
    assert_eq!(report(&fixture, &trusted(folder.path(), "other.pem")).verdict, Verdict::Tampered, "another authority is trusted");
    assert_eq!(without_authority(&fixture).verdict, Verdict::Verified);

    // Every file counts: a text of another history, an answer of another head, a stamp beyond the log.
    let (text, answer) = (fs::read(file(&fixture, first, "checkpoint")).unwrap(), fs::read(file(&fixture, first, "tsr")).unwrap());
    let other = fs::read(file(&fixture, first + 1, "tsr")).unwrap();
    for (ending, bytes, words) in [("tsr", other.as_slice(), "about another text"), ("checkpoint", b"x\n1\nAAAA\n", "another history")] {
        fs::write(file(&fixture, first, ending), bytes).unwrap();
        let found = report(&fixture, &ca);
        assert_eq!(found.verdict, Verdict::Tampered);
        assert_eq!(without_authority(&fixture).verdict, Verdict::Tampered, "who trusts no authority finds it as well");
        assert!(found.problems.iter().any(|problem| problem.what.contains(words)), "{found}");
        fs::write(file(&fixture, first, "checkpoint"), &text).unwrap();
        fs::write(file(&fixture, first, "tsr"), &answer).unwrap();
    }
    fs::write(file(&fixture, 999_999, "checkpoint"), &text).unwrap();
    fs::write(file(&fixture, 999_999, "tsr"), &answer).unwrap();
    assert!(report(&fixture, &ca).problems.iter().any(|problem| problem.what.contains("rolled back")));
}

#[test]
fn an_authority_that_does_not_answer_well_leaves_no_file() {
    let Some(folder) = authority() else { return };
    let fixture = Fixture::full();
    let ca = trusted(folder.path(), "ca.pem");
    let path = folder.path().to_owned();
    let posted = |status, body: &[u8]| Posted { status, content_type: QUERY_TYPE.into(), body: body.to_vec() };
    let old = answer(&path, "good", &request(b"something else", 5));
    for url in [
        http::serve(move |_, _| Some(posted(200, &old))),
        http::serve(move |_, _| Some(posted(200, b"hello"))),
        http::serve(move |_, _| Some(posted(503, b""))),
        http::serve(|_, _| None),
        http::serve(move |_, query| Some(posted(200, &answer(&path, "stranger", query)))),
    ] {
        let error: StampError = stamper(&fixture, format!("{url}/tsa"), ca.clone()).round(Timestamp::default(), 5).unwrap_err();
        assert!(!error.to_string().is_empty());
        assert!(stamp::sizes(&fixture.layout).unwrap().is_empty());
    }
}
