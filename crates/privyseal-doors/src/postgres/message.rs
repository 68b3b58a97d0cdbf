//! Messages of the PostgreSQL protocol, version 3: their bytes and nothing of their meaning.
//!
//! Everything here comes from strangers: lengths are checked before anything is kept, and nothing indexes into what was sent.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::fault::Fault;

/// Longest message of somebody who has signed in: a statement, its parameters and some names.
pub(super) const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// Longest message before that, as in PostgreSQL.
pub(super) const MAX_STARTUP_BYTES: usize = 10_000;

/// Codes in the place of a version number.
const CANCEL: i32 = 80_877_102;
const SSL: i32 = 80_877_103;
const GSS: i32 = 80_877_104;

/// What a connection begins with.
#[derive(Debug)]
pub(super) enum Opening {
    Ssl,
    Gss,
    Cancel { process: i32, secret: i32 },
    Startup { minor: u16, parameters: Vec<(String, String)> },
}

/// A message of a client.
#[derive(Debug)]
pub(super) enum Message {
    Query(String),
    Parse {
        name: String,
        sql: String,
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe {
        portal: bool,
        name: String,
    },
    Execute {
        portal: String,
        max_rows: i32,
    },
    Close {
        portal: bool,
        name: String,
    },
    Flush,
    Sync,
    Password(Bytes),
    Terminate,
    /// Rows for a COPY that was never begun; PostgreSQL ignores them too.
    Copy,
}

/// Values for a prepared statement.
#[derive(Debug)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    pub(super) formats: Vec<i16>,
    pub(super) values: Vec<Option<Bytes>>,
    pub(super) results: Vec<i16>,
}

fn malformed() -> Fault {
    Fault::fatal("08P01", "a message is not in the form of the protocol")
}

/// Takes bytes off the front of a message.
struct Reader(Bytes);

impl Reader {
    fn take(&mut self, count: usize) -> Result<Bytes, Fault> {
        if count > self.0.len() { Err(malformed()) } else { Ok(self.0.split_to(count)) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.take(N)?.as_ref().try_into().map_err(|_| malformed())
    }

    fn u8(&mut self) -> Result<u8, Fault> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    fn i16(&mut self) -> Result<i16, Fault> {
        Ok(i16::from_be_bytes(self.array()?))
    }

    fn i32(&mut self) -> Result<i32, Fault> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    fn text(&mut self) -> Result<String, Fault> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(malformed)?;
        let text = self.take(end)?;
        self.take(1)?;
        String::from_utf8(text.to_vec()).map_err(|_| Fault::error("22021", "a text is not UTF-8"))
    }

    /// How many items follow, each of which has at least so many bytes.
    fn count(&mut self, least: usize) -> Result<usize, Fault> {
        let count = usize::from(u16::from_be_bytes(self.array()?));
        if count.saturating_mul(least) > self.0.len() { Err(malformed()) } else { Ok(count) }
    }

    fn formats(&mut self) -> Result<Vec<i16>, Fault> {
        (0..self.count(2)?).map(|_| self.i16()).collect()
    }

    fn end(&self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(malformed()) }
    }
}

/// The length that a buffer's next message says it has; none while too few bytes are there.
fn stated_length(buffer: &BytesMut, skip: usize, max: usize) -> Result<Option<usize>, Fault> {
    let Some(length) = buffer.get(skip..skip + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()) else { return Ok(None) };
    let length = usize::try_from(i32::from_be_bytes(length)).map_err(|_| malformed())?;
    if length < 4 {
        return Err(malformed());
    }
    if length > max {
        return Err(Fault::fatal("08P01", format!("a message has {length} bytes, the limit is {max}")));
    }
    Ok(Some(length))
}

/// Takes what a connection begins with off a buffer, once it is whole.
pub(super) fn opening(buffer: &mut BytesMut) -> Result<Option<Opening>, Fault> {
    let Some(length) = stated_length(buffer, 0, MAX_STARTUP_BYTES)? else { return Ok(None) };
    if buffer.len() < length {
        return Ok(None);
    }
    let mut reader = Reader(buffer.split_to(length).freeze());
    reader.i32()?;
    let code = reader.i32()?;
    let opening = match code {
        SSL => Opening::Ssl,
        GSS => Opening::Gss,
        CANCEL => Opening::Cancel { process: reader.i32()?, secret: reader.i32()? },
        version if version >> 16 == 3 => {
            let mut parameters = Vec::new();
            loop {
                let name = reader.text()?;
                if name.is_empty() {
                    break;
                }
                parameters.push((name, reader.text()?));
            }
            let minor = u16::try_from(version & 0xffff).map_err(|_| malformed())?;
            return Ok(Some(Opening::Startup { minor, parameters }));
        }
        _ => return Err(Fault::fatal("08P01", "this is not the PostgreSQL protocol, version 3")),
    };
    reader.end()?;
    Ok(Some(opening))
}

/// Takes a message off a buffer, once it is whole.
pub(super) fn message(buffer: &mut BytesMut, max: usize) -> Result<Option<Message>, Fault> {
    let Some(length) = stated_length(buffer, 1, max)? else { return Ok(None) };
    if buffer.len() < length + 1 {
        return Ok(None);
    }
    let mut reader = Reader(buffer.split_to(length + 1).freeze());
    let tag = reader.u8()?;
    reader.i32()?;
    let message = match tag {
        b'Q' => Message::Query(reader.text()?),
        b'P' => {
            let (name, sql) = (reader.text()?, reader.text()?);
            let types = (0..reader.count(4)?).map(|_| Ok(u32::from_be_bytes(reader.array()?))).collect::<Result<_, Fault>>()?;
            Message::Parse { name, sql, types }
        }
        b'B' => {
            let (portal, statement, formats) = (reader.text()?, reader.text()?, reader.formats()?);
            let mut values = Vec::new();
            for _ in 0..reader.count(4)? {
                let length = reader.i32()?;
                values.push(match length {
                    -1 => None,
                    length => Some(reader.take(usize::try_from(length).map_err(|_| malformed())?)?),
                });
            }
            Message::Bind(Bind { portal, statement, formats, values, results: reader.formats()? })
        }
        b'D' => Message::Describe { portal: is_portal(reader.u8()?)?, name: reader.text()? },
        b'C' => Message::Close { portal: is_portal(reader.u8()?)?, name: reader.text()? },
        b'E' => Message::Execute { portal: reader.text()?, max_rows: reader.i32()? },
        b'H' => Message::Flush,
        b'S' => Message::Sync,
        b'X' => Message::Terminate,
        b'p' => return Ok(Some(Message::Password(reader.0))),
        b'd' | b'c' | b'f' => return Ok(Some(Message::Copy)),
        b'F' => return Err(Fault::error("0A000", "functions are called in a SELECT here")),
        _ => return Err(malformed()),
    };
    reader.end()?;
    Ok(Some(message))
}

fn is_portal(kind: u8) -> Result<bool, Fault> {
    match kind {
        b'P' => Ok(true),
        b'S' => Ok(false),
        _ => Err(malformed()),
    }
}

/// A column as a client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) name: String,
    pub(super) oid: u32,
    /// Bytes of a value; -1 when they vary.
    pub(super) size: i16,
    /// 0 for text, 1 for binary.
    pub(super) format: i16,
}

/// Messages to a client, one after the other.
#[derive(Default)]
pub(super) struct Out(pub(super) BytesMut);

impl Out {
    /// One message; its length is set when its body is known.
    pub(super) fn put(&mut self, tag: u8, body: impl FnOnce(&mut BytesMut)) {
        self.0.put_u8(tag);
        let start = self.0.len();
        self.0.put_i32(0);
        body(&mut self.0);
        let length = i32::try_from(self.0.len() - start).unwrap_or(i32::MAX);
        if let Some(place) = self.0.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
    }

    pub(super) fn empty(&mut self, tag: u8) {
        self.put(tag, |_| {});
    }

    pub(super) fn authentication(&mut self, code: i32) {
        self.put(b'R', |body| body.put_i32(code));
    }

    pub(super) fn parameter_status(&mut self, name: &str, value: &str) {
        self.put(b'S', |body| {
            text(body, name);
            text(body, value);
        });
    }

    pub(super) fn key_data(&mut self, process: i32, secret: i32) {
        self.put(b'K', |body| {
            body.put_i32(process);
            body.put_i32(secret);
        });
    }

    /// Tells a client of a newer protocol that this is 3.0, and which of its options are not known.
    pub(super) fn negotiate(&mut self, unknown: &[&str]) {
        self.put(b'v', |body| {
            body.put_i32(0);
            body.put_i32(i32::try_from(unknown.len()).unwrap_or(0));
            unknown.iter().for_each(|name| text(body, name));
        });
    }

    pub(super) fn ready(&mut self, status: u8) {
        self.put(b'Z', |body| body.put_u8(status));
    }

    pub(super) fn complete(&mut self, tag: &str) {
        self.put(b'C', |body| text(body, tag));
    }

    pub(super) fn parameters(&mut self, types: &[u32]) {
        self.put(b't', |body| {
            body.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX));
            types.iter().for_each(|oid| body.put_u32(*oid));
        });
    }

    pub(super) fn columns(&mut self, columns: &[Described]) {
        self.put(b'T', |body| {
            body.put_u16(u16::try_from(columns.len()).unwrap_or(u16::MAX));
            for column in columns {
                text(body, &column.name);
                // No table and no column number: what is answered is nobody's column.
                body.put_u32(0);
                body.put_i16(0);
                body.put_u32(column.oid);
                body.put_i16(column.size);
                body.put_i32(-1);
                body.put_i16(column.format);
            }
        });
    }

    pub(super) fn fault(&mut self, fault: &Fault) {
        self.put(b'E', |body| report(body, fault, if fault.is_fatal { "FATAL" } else { "ERROR" }));
    }

    pub(super) fn warning(&mut self, fault: &Fault) {
        self.put(b'N', |body| report(body, fault, "WARNING"));
    }
}

fn report(body: &mut BytesMut, fault: &Fault, severity: &str) {
    let mut field = |tag: u8, value: &str| {
        body.put_u8(tag);
        text(body, value);
    };
    field(b'S', severity);
    field(b'V', severity);
    field(b'C', fault.state);
    field(b'M', &fault.message);
    if let Some(position) = fault.position {
        field(b'P', &position.to_string());
    }
    body.put_u8(0);
}

/// A text with its end; what stands after a NUL would be taken for something else.
pub(super) fn text(body: &mut BytesMut, value: &str) {
    let value = value.split('\0').next().unwrap_or_default();
    body.put_slice(value.as_bytes());
    body.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every prefix, and every change of one byte, of good messages: an answer or a fault, and never more taken than there is.
    #[test]
    fn no_bytes_make_it_panic() {
        let good: [&[u8]; 5] = [
            b"Q\0\0\0\x0dSELECT 1\0",
            b"P\0\0\0\x17s\0SELECT $1\0\0\x01\0\0\0\x19\0",
            b"B\0\0\0\x17\0s\0\0\x01\0\x01\0\x01\0\0\0\x01\x31\0\x01\0\x01",
            b"E\0\0\0\x09\0\0\0\0\0",
            b"D\0\0\0\x06S\0",
        ];
        for bytes in good {
            for end in 0..bytes.len() {
                assert!(!matches!(message(&mut BytesMut::from(&bytes[..end]), MAX_MESSAGE_BYTES), Ok(Some(_))), "{end} of {bytes:?}");
            }
            for place in 0..bytes.len() {
                for value in [0, 1, 4, 127, 128, 255] {
                    let mut changed = BytesMut::from(bytes);
                    changed[place] = value;
                    let _ = message(&mut changed, MAX_MESSAGE_BYTES);
                    let mut changed = BytesMut::from(bytes);
                    changed[place] = value;
                    let _ = opening(&mut changed);
                }
            }
        }
    }

    #[test]
    fn a_message_that_says_it_is_too_long_is_refused_before_it_comes() {
        let mut claimed = BytesMut::from(&b"Q\x3f\xff\xff\xff"[..]);
        assert!(message(&mut claimed, MAX_MESSAGE_BYTES).is_err_and(|fault| fault.is_fatal));
        let mut claimed = BytesMut::from(&b"\0\x01\0\0"[..]);
        assert!(opening(&mut claimed).is_err_and(|fault| fault.is_fatal));
    }
}
