//! The plainest HTTP/1.1 on localhost: a client that can do a POST, and a server that answers what it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use privyseal_core::port::{Post, Posted};

pub(crate) struct PlainPost;

impl Post for PlainPost {
    fn post(&self, url: &str, content_type: &str, body: &[u8]) -> Result<Posted, String> {
        let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).ok_or("not an address of ours")?;
        let exchange = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(host)?;
            let length = body.len();
            let head = format!("POST /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            stream.write_all(body)?;
            let mut reply = Vec::new();
            stream.read_to_end(&mut reply)?;
            Ok(reply)
        };
        let reply = exchange().map_err(|error| error.to_string())?;
        let end = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or("the connection ended early")?;
        let head = String::from_utf8_lossy(&reply[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or("no status")?;
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default().to_owned();
        Ok(Posted { status, content_type, body: reply[end + 4..].to_vec() })
    }
}

/// A server until the test ends; its address. `answer` is given path and body; when it says nothing, the connection just ends.
pub(crate) fn serve(answer: impl Fn(&str, &[u8]) -> Option<Posted> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut path, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(rest) = line.strip_prefix("POST ") {
                    path = rest.split(' ').next().unwrap().to_owned();
                }
                if let Some(value) = line.strip_prefix("content-length: ") {
                    length = value.trim().parse().unwrap();
                }
                if line == "\r\n" || line.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let Some(reply) = answer(&path, &body) else { continue };
            let head = format!("HTTP/1.1 {} x\r\ncontent-type: {}\r\nconnection: close\r\n\r\n", reply.status, reply.content_type);
            // A client that is gone has its reasons.
            let _ = stream.write_all(&[head.as_bytes(), &reply.body].concat());
        }
    });
    url
}
