//! A grant's token: checked offline by the program, and by a verifier that shares no code with it.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::second_verifier::script;
use crate::support::{Instance, program};

#[test]
fn a_token_is_checked_offline_by_us_and_by_a_stranger() {
    let mut instance = Instance::start();
    let mut ask = vec!["request", "--action", "infra.restart", "--resource", "k8s:web/dev", "--reason", "restart the test service"];
    ask.extend(["--audience", "runner-eu-1", "--limit-seconds", "300"]);
    let request: Value = serde_json::from_str(&instance.ok(&ask).stdout).unwrap();
    assert_eq!((&request["state"], &request["limits"]), (&json!("approved"), &json!({"seconds": 300})), "{request}");
    let (token, digest) = (request["grant"]["token"].as_str().unwrap(), request["action_digest"].as_str().unwrap());
    let key = instance.ok(&["keys", "list"]).stdout.lines().next().unwrap().to_owned();
    // Nothing of the instance is needed.
    instance.stop();
    let verify = |key: &str, subject: &str, audience: &str, digest: &str, token: &str| {
        let mut arguments = vec!["grant", "verify", "--trusted-key", key, "--subject", subject, "--action-digest", digest];
        if audience != "-" {
            arguments.extend(["--audience", audience]);
        }
        arguments.push(token);
        let ours = instance.run(&arguments);
        let (theirs, said) = script("grant.py", &[key, subject, audience, digest, token]);
        assert_eq!(ours.code, theirs, "ours: {}{}\ntheirs: {said}", ours.stdout, ours.stderr);
        (ours.code, format!("{}{}", ours.stdout, ours.stderr))
    };
    let (code, claims) = verify(&key, "operator", "runner-eu-1", digest, token);
    assert_eq!(code, 0, "{claims}");
    let claims: Value = serde_json::from_str(&claims).unwrap();
    assert_eq!((&claims["request_id"], &claims["mechanism"]), (&request["id"], &json!("automatic")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["nbf"].as_i64().unwrap(), 300);
    let other = "test.example/other+68de0cdc+AXyMbBFq4bLrGSz0v0mYvHYZlPSCzeY5i1lTsrlfeHWW";
    let mut changed = token.to_owned();
    changed.replace_range(200..201, if changed.as_bytes()[200] == b'A' { "B" } else { "A" });
    let cut = token.strip_suffix(|_: char| true).unwrap();
    for (what, arguments) in [
        ("somebody else", (&*key, "admin", "runner-eu-1", digest, token)),
        ("another system", (&*key, "operator", "runner-us-1", digest, token)),
        ("a system without a name", (&*key, "operator", "-", digest, token)),
        ("another action", (&*key, "operator", "runner-eu-1", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", token)),
        ("changed", (&*key, "operator", "runner-eu-1", digest, &*changed)),
        ("cut", (&*key, "operator", "runner-eu-1", digest, cut)),
        ("no token", (&*key, "operator", "runner-eu-1", digest, "x.y")),
    ] {
        let (code, said) = verify(arguments.0, arguments.1, arguments.2, arguments.3, arguments.4);
        assert_eq!(code, 1, "{what}: {said}");
    }
    assert_ne!(
        instance.run(&["grant", "verify", "--trusted-key", other, "--subject", "operator", "--action-digest", digest, token]).code,
        0
    );
    // From standard input, where no list of processes shows it.
    let mut piped = program()
        .args(["grant", "verify", "--trusted-key", &key, "--subject", "operator", "--audience", "runner-eu-1", "--action-digest", digest])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    piped.stdin.take().unwrap().write_all(format!("{token}\n").as_bytes()).unwrap();
    assert_eq!(piped.wait().unwrap().code(), Some(0));
}
