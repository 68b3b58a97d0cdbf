//! The pack's container: a zip file of which every byte is accounted for.
//!
//! Any zip program opens it. We read and write it ourselves because general readers skip what they do not need (dates, attributes,
//! gaps, comments), and a pack must not have a byte that can be changed unnoticed. The profile: entries in the order of their names,
//! no directories, no extra fields, no comments, no zip64, date 1980-01-01, stored or deflated, nothing before, between or after.

use std::io::{Read as _, Write as _};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// 1980-01-01, the first date that the format can say.
const DATE: u16 = 0x0021;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// Regular file, rw-r--r--, for programs that restore Unix permissions.
const ATTRIBUTES: u32 = 0o100_644 << 16;
const MADE_BY: u16 = (3 << 8) | 20;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Largest content of one entry, so that a small hostile file cannot fill the memory.
const MAX_CONTENT: u32 = 1 << 31;

/// One file in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// Its bytes as they stand in the container.
    pub packed: Vec<u8>,
}

/// What is wrong with a container, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {byte}")]
pub struct ContainerError {
    /// Byte from the start of the file.
    pub byte: usize,
    /// What is wrong.
    pub what: String,
}

/// A content that does not fit the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Over 2 GiB, or more than 65,535 files.
    #[error("the pack is too large for one file: {0}")]
    TooLarge(String),
    /// Two files of one name, or a path that could leave the folder it is unpacked to.
    #[error("`{0}` cannot be a path in a pack")]
    Path(String),
}

struct Header {
    path: String,
    method: u16,
    crc: u32,
    packed: u32,
    content: u32,
}

impl Header {
    /// The part that local and central headers share, from "version needed" to the lengths of name and extra field.
    fn shared(&self, out: &mut Vec<u8>) {
        for value in [20, FLAGS, self.method, 0, DATE] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.crc, self.packed, self.content] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        let name = u16::try_from(self.path.len()).unwrap_or(u16::MAX);
        out.extend_from_slice(&name.to_le_bytes());
        out.extend_from_slice(&0_u16.to_le_bytes());
    }

    fn local(&self) -> Vec<u8> {
        let mut out = LOCAL.to_le_bytes().to_vec();
        self.shared(&mut out);
        out.extend_from_slice(self.path.as_bytes());
        out
    }

    fn central(&self, offset: u32) -> Vec<u8> {
        let mut out = CENTRAL.to_le_bytes().to_vec();
        out.extend_from_slice(&MADE_BY.to_le_bytes());
        self.shared(&mut out);
        // Comment length, disk, internal attributes.
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        out.extend_from_slice(&offset.to_le_bytes());
        out.extend_from_slice(self.path.as_bytes());
        out
    }
}

fn end_record(count: u16, size: u32, offset: u32) -> Vec<u8> {
    let mut out = END.to_le_bytes().to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&count.to_le_bytes());
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(&offset.to_le_bytes());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Whether a path may stand in a pack: relative, with plain ASCII names, nothing that leaves the folder.
fn is_safe(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-()".contains(&b))
    };
    path.len() <= 512 && path.split('/').all(plain)
}

/// Packs a content: deflated, unless that does not help.
#[must_use]
pub fn pack(path: &str, content: Vec<u8>) -> Entry {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
    let deflated = encoder.write_all(&content).and_then(|()| encoder.finish());
    let packed = deflated.ok().filter(|deflated| deflated.len() < content.len() / 10 * 9).unwrap_or_else(|| content.clone());
    Entry { path: path.to_owned(), content, packed }
}

/// Packs a content as it is.
#[must_use]
pub fn store(path: &str, content: Vec<u8>) -> Entry {
    Entry { path: path.to_owned(), packed: content.clone(), content }
}

/// Writes entries as a container, in the order of their paths.
///
/// # Errors
/// When they do not fit the format, or a path is unusable.
pub fn write(mut entries: Vec<Entry>) -> Result<Vec<u8>, WriteError> {
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    if let Some([twice, _]) = entries.windows(2).find(|pair| matches!(pair, [a, b] if a.path == b.path)) {
        return Err(WriteError::Path(twice.path.clone()));
    }
    let count = u16::try_from(entries.len()).ok().filter(|count| *count < u16::MAX);
    let count = count.ok_or_else(|| WriteError::TooLarge(format!("{} files", entries.len())))?;
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for entry in &entries {
        if !is_safe(&entry.path) {
            return Err(WriteError::Path(entry.path.clone()));
        }
        let too_large = || WriteError::TooLarge(format!("`{}` brings it over the limit", entry.path));
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok().filter(|length| *length <= MAX_CONTENT).ok_or_else(too_large);
        let header = Header {
            path: entry.path.clone(),
            method: if entry.packed == entry.content { STORED } else { DEFLATED },
            crc: crc(&entry.content),
            packed: length(&entry.packed)?,
            content: length(&entry.content)?,
        };
        let offset = length(&out)?;
        central.extend(header.central(offset));
        out.extend(header.local());
        out.extend_from_slice(&entry.packed);
    }
    let too_large = || WriteError::TooLarge("over 4 GiB".to_owned());
    let (size, offset) = (u32::try_from(central.len()).map_err(|_| too_large())?, u32::try_from(out.len()).map_err(|_| too_large())?);
    out.extend(central);
    out.extend(end_record(count, size, offset));
    Ok(out)
}

/// Reads a container and accounts for every byte of it.
///
/// # Errors
/// With the first byte that is not what the profile demands.
pub fn read(bytes: &[u8]) -> Result<Vec<Entry>, ContainerError> {
    let mut reader = Reader { bytes, at: 0 };
    let (mut entries, mut central): (Vec<Entry>, Vec<u8>) = (Vec::new(), Vec::new());
    while reader.peek_u32() == Some(LOCAL) {
        let offset = u32::try_from(reader.at).map_err(|_| reader.error("the file is over 4 GiB"))?;
        let (header, entry) = reader.entry()?;
        if entries.last().is_some_and(|last| last.path >= entry.path) {
            return Err(ContainerError { byte: reader.at, what: format!("`{}` is out of order or there twice", entry.path) });
        }
        central.extend(header.central(offset));
        entries.push(entry);
    }
    let start = reader.at;
    reader.expect(&central, "the directory does not list the files as they stand")?;
    let count = u16::try_from(entries.len()).map_err(|_| reader.error("too many files"))?;
    let size = u32::try_from(central.len()).map_err(|_| reader.error("the directory is too large"))?;
    let offset = u32::try_from(start).map_err(|_| reader.error("the file is over 4 GiB"))?;
    reader.expect(&end_record(count, size, offset), "the end record is not the one of these files")?;
    if reader.at == bytes.len() { Ok(entries) } else { Err(reader.error("there is something after the end")) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn error(&self, what: impl Into<String>) -> ContainerError {
        ContainerError { byte: self.at, what: what.into() }
    }

    fn peek_u32(&self) -> Option<u32> {
        Some(u32::from_le_bytes(*self.bytes.get(self.at..)?.first_chunk()?))
    }

    fn expect(&mut self, wanted: &[u8], what: &str) -> Result<(), ContainerError> {
        let found = self.bytes.get(self.at..).unwrap_or_default();
        if found.starts_with(wanted) {
            self.at += wanted.len();
            return Ok(());
        }
        let offset = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len().min(wanted.len()));
        Err(ContainerError { byte: self.at + offset, what: what.to_owned() })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], ContainerError> {
        let end = self.at.checked_add(length);
        let piece = end.and_then(|end| self.bytes.get(self.at..end)).ok_or_else(|| self.error("the file ends too early"))?;
        self.at += length;
        Ok(piece)
    }

    /// Reads the few members of a local header that can vary, then demands that the whole header is the one we would write for them.
    fn entry(&mut self) -> Result<(Header, Entry), ContainerError> {
        let start = self.at;
        let fixed =
            self.bytes.get(start..).and_then(|rest| rest.first_chunk::<30>()).ok_or_else(|| self.error("the file ends within a header"))?;
        let u16_at = |at: usize| fixed.get(at..at + 2).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_le_bytes(*b));
        let u32_at = |at: usize| fixed.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let name = self.bytes.get(start + 30..start + 30 + usize::from(u16_at(26)));
        let name = name.and_then(|name| std::str::from_utf8(name).ok()).filter(|name| is_safe(name));
        let path = name.ok_or_else(|| self.error("a file has an unusable name"))?.to_owned();
        let header = Header { path: path.clone(), method: u16_at(8), crc: u32_at(14), packed: u32_at(18), content: u32_at(22) };
        if !matches!(header.method, STORED | DEFLATED) || header.content > MAX_CONTENT {
            return Err(self.error(format!("`{path}` is packed in a way that packs are not")));
        }
        self.expect(&header.local(), &format!("the header of `{path}` is not in the pack's profile"))?;
        let data = self.at;
        let packed = self.take(usize::try_from(header.packed).unwrap_or(usize::MAX))?.to_vec();
        let damaged = |what: &str| ContainerError { byte: data, what: format!("the content of `{path}` {what}") };
        let content = if header.method == STORED {
            packed.clone()
        } else {
            let mut content = Vec::new();
            let mut decoder = DeflateDecoder::new(packed.as_slice()).take(u64::from(header.content) + 1);
            decoder.read_to_end(&mut content).map_err(|_| damaged("cannot be unpacked"))?;
            if decoder.into_inner().total_in() != u64::from(header.packed) {
                return Err(damaged("does not fill its place"));
            }
            content
        };
        if u32::try_from(content.len()).ok() != Some(header.content) || crc(&content) != header.crc {
            return Err(damaged("does not match its checksum"));
        }
        Ok((header, Entry { path, content, packed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<Entry> {
        vec![
            pack("README.txt", b"hello hello hello hello hello hello hello".to_vec()),
            pack("a/empty", Vec::new()),
            pack("a/random.bin", (0..=255).collect()),
            pack("tests/D01/query.sql", b"SELECT 1 -- ".repeat(400)),
        ]
    }

    #[test]
    fn what_is_written_is_read_and_other_programs_read_it_too() {
        let bytes = write(sample()).unwrap();
        assert_eq!(read(&bytes).unwrap(), sample());
        assert_eq!(write(sample().into_iter().rev().collect()).unwrap(), bytes, "the order of writing does not matter");
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), &bytes).unwrap();
        let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(len(z.namelist()), z.read('tests/D01/query.sql').count(b'SELECT'))";
        match std::process::Command::new("python3").args(["-c", script]).arg(file.path()).output() {
            Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "4 400", "{output:?}"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "python3 is optional, other failures are not: {error}"),
        }
    }

    /// Not a single bit of a container can change without the content changing or the container being refused.
    #[test]
    fn every_byte_counts() {
        let bytes = write(sample()).unwrap();
        let good = read(&bytes).unwrap();
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[position] ^= 1 << bit;
                match read(&damaged) {
                    Err(_) => {}
                    Ok(entries) => assert_ne!(entries, good, "byte {position} bit {bit} changed nothing"),
                }
            }
            assert!(read(&bytes[..position]).is_err(), "cut at {position}");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        assert!(read(&longer).is_err());
    }

    #[test]
    fn paths_that_could_leave_the_folder_are_refused() {
        for path in ["", "/etc/x", "../x", "a//b", "a/../b", "a\\b", "C:x", "a b", "é"] {
            assert!(write(vec![pack(path, vec![])]).is_err(), "{path}");
        }
        assert!(write(vec![pack("a", vec![]), pack("a", vec![])]).is_err());
    }
}
