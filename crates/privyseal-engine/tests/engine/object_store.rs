//! A store of objects on a port of this machine that speaks just enough S3 for our client, and misbehaves to order. The objects are in
//! memory; who may do what is not checked (the ledger's tests run a whole server for that).

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use privyseal_ledger::place::Bucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Put,
    Get,
    Delete,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing is done, and the answer says so.
    Before,
    /// It is done, and the answer says that it was not.
    After,
    /// It is done, and the connection ends without an answer.
    Lost,
    /// It is done, when [`ObjectStore::repair`] lets it.
    Slow,
    /// A put that is acknowledged and forgotten.
    Forgets,
    /// A put of which half is kept, and acknowledged.
    Half,
    /// What was there before the last put.
    Stale,
    /// The first half of the object, in an answer that promises all of it.
    Cut,
    /// The first half of the object, as if that were all.
    Short,
    /// As many other bytes.
    Garbage,
}

#[derive(Default)]
struct Objects {
    now: BTreeMap<String, Vec<u8>>,
    before: BTreeMap<String, Vec<u8>>,
    /// What is wrong, and how often still.
    fault: Option<(Step, Fault, usize)>,
    met: usize,
}

/// The server. It ends with the process.
#[derive(Clone)]
pub(crate) struct ObjectStore {
    objects: Arc<Mutex<Objects>>,
    changed: Arc<Condvar>,
    port: u16,
}

impl ObjectStore {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let store = Self { objects: Arc::default(), changed: Arc::default(), port: listener.local_addr().unwrap().port() };
        let serving = store.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let store = serving.clone();
                // A client that goes away is its own affair.
                std::thread::spawn(move || drop(store.answer(&stream)));
            }
        });
        store
    }

    pub(crate) fn bucket(&self) -> Bucket {
        let endpoint = format!("http://127.0.0.1:{}", self.port);
        let variables = [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "eu-1"),
            ("AWS_ACCESS_KEY_ID", "k"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Bucket::parse("s3://audit/ledger", variables).ok().unwrap()
    }

    /// The next calls of this sort go wrong, so many of them.
    pub(crate) fn fail(&self, step: Step, fault: Fault, times: usize) {
        let mut objects = self.objects.lock().unwrap();
        (objects.fault, objects.met) = (Some((step, fault, times)), 0);
    }

    /// Everything works again. Returns how many calls went wrong.
    pub(crate) fn repair(&self) -> usize {
        let mut objects = self.objects.lock().unwrap();
        objects.fault = None;
        self.changed.notify_all();
        objects.met
    }

    /// Waits until a call goes wrong.
    pub(crate) fn wait_for_fault(&self) {
        drop(self.changed.wait_while(self.objects.lock().unwrap(), |objects| objects.met == 0).unwrap());
    }

    /// A call that takes its time.
    fn dawdle(&self) {
        drop(self.changed.wait_while(self.objects.lock().unwrap(), |objects| objects.fault.is_some()).unwrap());
    }

    /// What is kept under a path of the ledger.
    pub(crate) fn object(&self, path: &str) -> Option<Vec<u8>> {
        self.objects.lock().unwrap().now.get(&format!("/audit/ledger/{path}")).cloned()
    }

    fn met(&self, step: Step) -> Option<Fault> {
        let mut objects = self.objects.lock().unwrap();
        let (_, fault, times) = objects.fault.as_mut().filter(|(at, _, times)| *at == step && *times > 0)?;
        *times -= 1;
        let fault = *fault;
        objects.met += 1;
        self.changed.notify_all();
        Some(fault)
    }

    fn answer(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        match method.as_str() {
            "PUT" => self.put(stream, &target, body, headers.get("if-none-match").is_some_and(|value| value == "*")),
            "GET" => self.get(stream, &target, headers.get("range")),
            "POST" if target.ends_with("?delete") => self.delete(stream, &String::from_utf8_lossy(&body)),
            _ => reply(stream, "501 Not Implemented", "", b""),
        }
    }

    fn put(&self, stream: &TcpStream, path: &str, mut body: Vec<u8>, if_absent: bool) -> io::Result<()> {
        let fault = self.met(Step::Put);
        if fault == Some(Fault::Before) {
            return reply(stream, "500 Internal Server Error", "", b"out of order");
        }
        if fault == Some(Fault::Slow) {
            self.dawdle();
        }
        {
            let mut objects = self.objects.lock().unwrap();
            if if_absent && objects.now.contains_key(path) {
                return reply(stream, "412 Precondition Failed", "", b"it is there");
            }
            if fault == Some(Fault::Half) {
                body.truncate(body.len() / 2);
            }
            if fault != Some(Fault::Forgets) {
                match objects.now.insert(path.to_owned(), body) {
                    Some(old) => drop(objects.before.insert(path.to_owned(), old)),
                    None => drop(objects.before.remove(path)),
                }
            }
        }
        match fault {
            Some(Fault::After) => reply(stream, "500 Internal Server Error", "", b"out of order"),
            Some(Fault::Lost) => Ok(()),
            _ => reply(stream, "200 OK", "etag: \"put\"\r\n", b""),
        }
    }

    fn get(&self, stream: &TcpStream, path: &str, range: Option<&String>) -> io::Result<()> {
        let fault = self.met(Step::Get);
        let found = {
            let objects = self.objects.lock().unwrap();
            if fault == Some(Fault::Stale) { objects.before.get(path).cloned() } else { objects.now.get(path).cloned() }
        };
        match fault {
            Some(Fault::Before | Fault::After) => return reply(stream, "500 Internal Server Error", "", b"out of order"),
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Slow) => self.dawdle(),
            _ => {}
        }
        let Some(mut bytes) = found else { return reply(stream, "404 Not Found", "", b"<Error><Code>NoSuchKey</Code></Error>") };
        match fault {
            Some(Fault::Short) => bytes.truncate(bytes.len() / 2),
            Some(Fault::Garbage) => bytes.iter_mut().for_each(|byte| *byte ^= 0x55),
            _ => {}
        }
        let all = bytes.len();
        let (mut status, mut head) = ("200 OK", "etag: \"got\"\r\nlast-modified: Wed, 01 Jul 2026 09:00:00 GMT\r\n".to_owned());
        if let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) {
            let from: usize = from.parse().unwrap();
            let to = to.parse().unwrap_or(all - 1).min(all - 1);
            bytes = bytes[from..=to].to_vec();
            head.push_str(&format!("content-range: bytes {from}-{to}/{all}\r\n"));
            status = "206 Partial Content";
        }
        if fault == Some(Fault::Cut) {
            let promised = bytes.len();
            let mut stream = stream;
            write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {promised}\r\nconnection: close\r\n{head}\r\n")?;
            return stream.write_all(&bytes[..promised / 2]);
        }
        reply(stream, status, &head, &bytes)
    }

    fn delete(&self, stream: &TcpStream, body: &str) -> io::Result<()> {
        let fault = self.met(Step::Delete);
        let keys: Vec<&str> = body.split("<Key>").skip(1).filter_map(|rest| Some(rest.split_once("</Key>")?.0)).collect();
        if fault == Some(Fault::Before) {
            return reply(stream, "500 Internal Server Error", "", b"out of order");
        }
        for key in &keys {
            self.objects.lock().unwrap().now.remove(&format!("/audit/{key}"));
        }
        match fault {
            Some(Fault::After) => reply(stream, "500 Internal Server Error", "", b"out of order"),
            Some(Fault::Lost) => Ok(()),
            _ => {
                let deleted: String = keys.iter().map(|key| format!("<Deleted><Key>{key}</Key></Deleted>")).collect();
                reply(stream, "200 OK", "content-type: application/xml\r\n", format!("<DeleteResult>{deleted}</DeleteResult>").as_bytes())
            }
        }
    }
}

fn reply(mut stream: &TcpStream, status: &str, head: &str, body: &[u8]) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{head}\r\n", body.len())?;
    stream.write_all(body)
}
