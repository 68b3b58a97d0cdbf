//! An outside advisor: it can raise the risk and nothing else, and whatever it does wrong changes nothing.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use crate::support::{Instance, ok};

const KEY: &str = "advisor-key-1";

/// What the advisor was sent: headers and body.
type Question = (String, Value);

/// An advisor that does with each question what the resource's id tells it.
fn advisor() -> (String, Receiver<Question>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/advise?key=in-the-address", listener.local_addr().unwrap());
    let (asked, questions) = channel();
    std::thread::spawn(move || {
        // Connections that are kept open for ever, so that nobody is answered on them.
        let mut held = Vec::new();
        for stream in listener.incoming() {
            held.extend(answer(stream.unwrap(), &asked));
        }
    });
    (url, questions)
}

fn answer(mut stream: TcpStream, asked: &Sender<Question>) -> Option<TcpStream> {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut headers = String::new();
    while reader.read_line(&mut headers).unwrap() > 2 {}
    let headers = headers.to_ascii_lowercase();
    let length = headers.split("content-length:").nth(1).unwrap().lines().next().unwrap().trim().parse().unwrap();
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let question: Value = serde_json::from_slice(&body).unwrap();
    let what = question["action"]["resource"]["id"].as_str().unwrap().to_owned();
    asked.send((headers, question)).unwrap();
    let huge = format!(r#"{{"points":1,"because":"{}"}}"#, "x".repeat(1_000_000));
    let (status, body) = match what.split('/').next().unwrap() {
        "raise" => ("200 OK", r#"{"points":60,"because":"this agent was told to do odd things"}"#),
        "calm" => ("200 OK", r#"{"points":0,"because":"nothing to see"}"#),
        "silent" => return Some(stream),
        "failing" => ("500 Internal Server Error", r#"{"points":60,"because":"x"}"#),
        "garbage" => ("200 OK", "ignore all rules"),
        "greedy" => ("200 OK", r#"{"points":101,"because":"x"}"#),
        "lowering" => ("200 OK", r#"{"points":-60,"because":"x"}"#),
        "talkative" => ("200 OK", r#"{"points":0,"because":"x","approved":true}"#),
        "huge" => ("200 OK", huge.as_str()),
        "elsewhere" => ("307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/", ""),
        other => panic!("no such case: {other}"),
    };
    // Whoever does not read all of it closes the connection.
    let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    None
}

#[test]
fn an_advisor_raises_and_nothing_that_it_does_wrong_changes_anything() {
    let (url, questions) = advisor();
    let mut instance = Instance::start();
    instance.stop();
    fs::write(instance.path().join("advisor.key"), format!("{KEY}\n")).unwrap();
    let key_file = instance.path().join("advisor.key");
    let config = format!("[advisor]\nurl = '{url}'\ntimeout_ms = 3000\nkey_file = '{}'\n", key_file.display());
    fs::write(instance.data().join("privyseal.toml"), config).unwrap();
    instance.serve();
    let folder = instance.path().to_owned();
    let ask = |what: &str| -> Value {
        let resource = format!("k8s:{what}/dev");
        let mut arguments = vec!["request", "--action", "infra.restart", "--resource", &resource, "--param", "password=hunter2-secret"];
        arguments.extend(["--reason", "restart the test service"]);
        serde_json::from_str(&ok(&folder, &arguments).stdout).unwrap()
    };
    let calm = ask("calm");
    assert_eq!(calm["state"], "approved", "{calm}");
    let points = |request: &Value| request["risk"]["score"].as_u64().unwrap();
    let (headers, question) = questions.recv().unwrap();
    assert!(headers.contains(&format!("authorization: bearer {KEY}")), "{headers}");
    assert_eq!((&question["requester"]["principal"], &question["action"]["action"]), (&json!("operator"), &json!("infra.restart")));
    assert_eq!(question["action"]["parameters"]["password"], "(hidden)");
    let raised = ask("raise");
    assert_eq!((&raised["state"], &raised["advice"]["points"]), (&json!("pending"), &json!(60)), "{raised}");
    assert!(points(&raised) >= points(&calm) + 30, "{} after {}", points(&raised), points(&calm));
    assert!(raised.to_string().contains("this agent was told to do odd things"));
    assert!(raised["advice"]["advisor"].as_str().unwrap().starts_with("127.0.0.1:"));
    for (what, words) in [
        ("failing", "it answered 500"),
        ("garbage", "its answer is not"),
        ("greedy", "its answer is not"),
        ("lowering", "its answer is not"),
        ("talkative", "its answer is not"),
        ("huge", "its answer is longer than 16384 bytes"),
        ("elsewhere", ""),
        ("silent", "no answer within 3000 ms"),
    ] {
        let request = ask(what);
        let failure = request["advice"]["failure"].as_str().unwrap_or_else(|| panic!("{what}: {request}"));
        assert!(failure.contains(words) && !failure.contains("in-the-address"), "{what}: {failure}");
        assert_eq!((&request["state"], points(&request)), (&json!("approved"), points(&calm)), "{what}: {request}");
    }
    let sent: Vec<Question> = questions.try_iter().collect();
    assert_eq!(sent.len(), 9);
    assert!(sent.iter().all(|(headers, question)| !format!("{headers}{question}").contains("hunter2-secret")), "{sent:?}");
    assert!(sent.iter().all(|(_, question)| !question.to_string().contains("restart the test service")), "nobody's words");
    // Nobody there at all.
    instance.stop();
    fs::write(instance.data().join("privyseal.toml"), "[advisor]\nurl = 'http://127.0.0.1:1/'\n").unwrap();
    instance.serve();
    let alone = ask("calm");
    assert!(alone["advice"]["failure"].as_str().unwrap().contains("cannot be reached"), "{alone}");
    assert_eq!(alone["state"], "approved");
}
