//! An entry read in one pass: its envelope proven and taken apart, its body left as bytes until somebody wants it.
//!
//! Reading an event and verifying millions of entries begin here alike, so that they cannot differ in what they accept.

use serde_json::Value;

use super::{Actor, Body, Event, EventError, Kind, MAX_ENTRY_BYTES, VERSION};
use crate::canonical::{self, CanonicalError, scan::NotCanonical, scan::Scanner};
use crate::digest::Digest;
use crate::time::Timestamp;

/// The envelope of an entry. The bytes are canonical JSON and have exactly the members of an envelope, each of its type;
/// whether `actor` and `body` are those of the schema is asked by [`Entry::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Member `actor` as it is written.
    pub actor: &'a str,
    /// Member `actor.id`.
    pub actor_id: &'a str,
    /// Member `actor.kind`.
    pub actor_kind: &'a str,
    /// Member `actor.channel`.
    pub actor_channel: &'a str,
    /// Member `body` as it is written.
    pub body: &'a str,
    /// Member `id`: a UUID in its one text form.
    pub id: &'a str,
    /// Member `kind`.
    pub kind: Kind,
    /// Member `log` as it is written between its quotes, escapes and all; equal texts are written alike.
    pub log: &'a str,
    /// Member `prev`.
    pub prev: Option<Digest>,
    /// Member `request_id`, when present: a UUID in its one text form.
    pub request_id: Option<&'a str>,
    /// Member `seq`.
    pub seq: u64,
    /// Member `time`.
    pub time: Timestamp,
}

fn schema(detail: impl Into<String>) -> EventError {
    EventError::Schema { detail: detail.into() }
}

/// What stopped the scan: the form, or the schema.
enum Stop {
    Form(NotCanonical),
    Schema(EventError),
}

impl From<NotCanonical> for Stop {
    fn from(error: NotCanonical) -> Self {
        Stop::Form(error)
    }
}

impl From<EventError> for Stop {
    fn from(error: EventError) -> Self {
        Stop::Schema(error)
    }
}

impl<'a> Entry<'a> {
    /// Takes an entry apart.
    ///
    /// # Errors
    /// When it is too long, not canonical JSON, or its envelope is not that of the schema.
    pub fn read(bytes: &'a [u8]) -> Result<Self, EventError> {
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EventError::TooLarge { bytes: bytes.len() });
        }
        match Self::scan(bytes) {
            Ok(entry) => Ok(entry),
            Err(Stop::Schema(error)) if canonical::scan::check(bytes).is_ok() => Err(error),
            Err(Stop::Form(_)) if canonical::scan::check(bytes).is_ok() => Err(schema(shape(bytes))),
            // The slow way says in words what is wrong with the form. Should it find nothing, the bytes are refused all the same.
            Err(Stop::Form(NotCanonical { offset })) => {
                Err(canonical::parse(bytes).err().unwrap_or(CanonicalError::NotCanonical { offset }).into())
            }
            Err(Stop::Schema(error)) => Err(canonical::parse(bytes).err().map_or(error, EventError::from)),
        }
    }

    fn scan(bytes: &'a [u8]) -> Result<Self, Stop> {
        let scanner = &mut Scanner::new(bytes)?;
        scanner.exactly(br#"{"actor":"#)?;
        let (actor, [actor_id, actor_kind, actor_channel]) = scan_actor(scanner)?;
        scanner.exactly(br#","body":"#)?;
        let body = scanner.value(1)?;
        if !body.starts_with('{') {
            return Err(schema("`body` is not an object").into());
        }
        scanner.exactly(br#","id":"#)?;
        let id = uuid(scanner.string()?, "id")?;
        scanner.exactly(br#","kind":"#)?;
        let kind = scanner.string()?;
        let kind = Kind::from_name(kind).ok_or_else(|| schema(format!("unknown kind `{}`: use a newer Privyseal", kind.escape_debug())))?;
        scanner.exactly(br#","log":"#)?;
        let log = scanner.string()?;
        scanner.exactly(br#","prev":"#)?;
        let prev = if scanner.take(b"null") {
            None
        } else {
            Some(Digest::from_text(scanner.string()?).ok_or_else(|| schema("`prev` is not 43 characters of base64url"))?)
        };
        let request_id = if scanner.take(br#","request_id":"#) { Some(uuid(scanner.string()?, "request_id")?) } else { None };
        scanner.exactly(br#","seq":"#)?;
        let seq = u64::try_from(scanner.number()?).map_err(|_| schema("`seq` is negative"))?;
        scanner.exactly(br#","time":"#)?;
        let time =
            Timestamp::from_exact(scanner.string()?).ok_or_else(|| schema("`time` is not in the form 2026-11-23T05:33:27.123456Z"))?;
        scanner.exactly(br#","v":"#)?;
        let version = scanner.number()?;
        if u64::try_from(version) != Ok(VERSION) {
            return Err(schema(format!("its version is {version}, this build reads {VERSION}: use a newer Privyseal")).into());
        }
        scanner.exactly(b"}")?;
        scanner.end()?;
        Ok(Self { actor, actor_id, actor_kind, actor_channel, body, id, kind, log, prev, request_id, seq, time })
    }

    /// Proves that the actor and the body are those of the schema.
    ///
    /// # Errors
    /// When they are not.
    pub fn check(&self) -> Result<(), EventError> {
        self.check_actor()?;
        self.check_body()
    }

    /// Proves that the actor is one of the schema. Few actors write many entries: equal text needs asking once.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_actor(&self) -> Result<(), EventError> {
        self.read_actor().map(drop)
    }

    /// Proves that the body is one of its kind.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_body(&self) -> Result<(), EventError> {
        self.read_body().map(drop)
    }

    /// The body.
    ///
    /// # Errors
    /// When it is not one of its kind.
    pub fn read_body(&self) -> Result<Body, EventError> {
        Body::read(self.kind, self.body).map_err(|error| schema(format!("{}: {error}", self.kind.name())))
    }

    fn read_actor(&self) -> Result<Actor, EventError> {
        serde_json::from_str(self.actor).map_err(|error| schema(format!("actor: {error}")))
    }

    /// The event.
    ///
    /// # Errors
    /// When the actor or the body is not of the schema.
    pub fn event(&self) -> Result<Event, EventError> {
        let id = |name: &str, error: crate::id::IdError| schema(format!("{name}: {error}"));
        Ok(Event {
            seq: self.seq,
            id: self.id.parse().map_err(|error| id("id", error))?,
            time: self.time,
            log: serde_json::from_str(&format!("\"{}\"", self.log)).map_err(|error| schema(format!("log: {error}")))?,
            prev: self.prev,
            actor: self.read_actor()?,
            request_id: self.request_id.map(|text| text.parse().map_err(|error| id("request_id", error))).transpose()?,
            body: self.read_body()?,
        })
    }
}

/// Takes the actor, and from it the members that are columns.
fn scan_actor<'a>(scanner: &mut Scanner<'a>) -> Result<(&'a str, [&'a str; 3]), Stop> {
    let before = scanner.clone();
    let (mut id, mut kind, mut channel) = (None, None, None);
    scanner.object(&mut |scanner, name| {
        let found = match name {
            "id" => &mut id,
            "kind" => &mut kind,
            "channel" => &mut channel,
            _ => return scanner.value(2).map(drop),
        };
        let written = scanner.string()?;
        // No text of the schema's that stands in a column needs an escape.
        *found = (!written.contains('\\')).then_some(written);
        Ok(())
    })?;
    match (id, kind, channel) {
        (Some(id), Some(kind), Some(channel)) => Ok((before.until(scanner)?, [id, kind, channel])),
        _ => Err(schema("`actor` lacks `id`, `kind` or `channel`").into()),
    }
}

fn uuid<'a>(text: &'a str, name: &str) -> Result<&'a str, EventError> {
    let hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let fits = text.len() == 36 && text.bytes().enumerate().all(|(at, byte)| if hyphen(at) { byte == b'-' } else { digit(byte) });
    if fits { Ok(text) } else { Err(schema(format!("`{name}` is not a UUID in lower case with hyphens"))) }
}

/// Which members of an envelope are missing, of another type, or too many, in canonical bytes that are not an envelope.
fn shape(bytes: &[u8]) -> String {
    const MEMBERS: [&str; 10] = ["actor", "body", "id", "kind", "log", "prev", "request_id", "seq", "time", "v"];
    let Ok(Value::Object(members)) = canonical::parse(bytes) else { return "it is not an object".to_owned() };
    let strange =
        members.keys().find(|name| !MEMBERS.contains(&name.as_str())).map(|name| format!("unknown member `{}`", name.escape_debug()));
    let missing = MEMBERS
        .iter()
        .find(|name| **name != "request_id" && !members.contains_key(**name))
        .map(|name| format!("member `{name}` is missing"));
    strange.or(missing).unwrap_or_else(|| "a member is of another type than the schema gives it".to_owned())
}
