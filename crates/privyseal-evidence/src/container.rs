//! The pack's container: a zip file of which every byte is accounted for.
//!
//! Any zip program opens it. We read and write it ourselves because general readers skip what they do not need (dates, attributes,
//! gaps, comments), and a pack must not have a byte that can be changed unnoticed. The profile (`docs/PACK.md`): files in the order of
//! their names, those of `seal/` after all others, no directories, no comments, date 1980-01-01, stored or deflated, no file over 2 GiB;
//! zip64 exactly where an offset or the number of files does not fit; nothing before, between or after.
//!
//! One file at a time is in memory, never the container.

use std::io::{self, Read, Seek, SeekFrom, Write};

use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use privyseal_core::digest::Digest;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
/// 1980-01-01, the first date that the format can say.
const DATE: u16 = 0x0021;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// Regular file, rw-r--r--, for programs that restore Unix permissions.
const ATTRIBUTES: u32 = 0o100_644 << 16;
const MADE_BY_UNIX: u16 = 3 << 8;
/// Version of the format that a reader needs, plain and with zip64.
const NEEDS: u16 = 20;
const NEEDS_64: u16 = 45;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
/// Largest content of one file, so that a small hostile container cannot fill the memory.
const MAX_CONTENT: u32 = 1 << 31;
/// Most files; the directory of a container is held in memory.
const MAX_FILES: usize = 1_000_000;
/// The folder that stands last, because it holds digests of all the rest.
const SEAL: &str = "seal/";

/// What is wrong with a container, and where.
#[derive(Debug, thiserror::Error)]
#[error("{what} at byte {byte}")]
pub struct ContainerError {
    /// Byte from the start of the file.
    pub byte: u64,
    /// What is wrong.
    pub what: String,
}

/// Why a container could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file over 2 GiB, or more than a million files.
    #[error("the pack is too large for one file: {0}")]
    TooLarge(String),
    /// A path out of order, or one that could leave the folder it is unpacked to.
    #[error("`{0}` cannot be the next path in a pack")]
    Path(String),
    /// The disk refuses.
    #[error("the pack cannot be written")]
    Io(#[from] io::Error),
}

/// How much work is spent on making a content smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// As it is: it is packed already, or is to be readable without unpacking.
    None,
    /// Quickly, for what is long.
    Fast,
    /// Well.
    Good,
}

/// A content as it will stand in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its path.
    pub path: String,
    /// Length of the content in bytes.
    pub bytes: u64,
    /// SHA-256 of the content.
    pub sha256: Digest,
    /// SHA-256 of the packed bytes.
    pub packed_sha256: Digest,
    packed: Vec<u8>,
    method: u16,
    crc: u32,
}

/// Packs a content; what does not get smaller by a tenth stands as it is. The same content and effort give the same bytes.
#[must_use]
pub fn pack(path: &str, content: Vec<u8>, effort: Effort) -> Packed {
    let level = match effort {
        Effort::None => None,
        Effort::Fast => Some(Compression::new(1)),
        Effort::Good => Some(Compression::new(6)),
    };
    let deflate = |level| {
        let mut encoder = DeflateEncoder::new(Vec::new(), level);
        encoder.write_all(&content).and_then(|()| encoder.finish()).ok()
    };
    let deflated = level.and_then(deflate).filter(|deflated| deflated.len() < content.len() / 10 * 9);
    let (bytes, sha256, crc) = (u64::try_from(content.len()).unwrap_or(u64::MAX), Digest::of(&content), crc(&content));
    let (packed, method) = deflated.map_or((content, STORED), |deflated| (deflated, DEFLATED));
    let packed_sha256 = if method == STORED { sha256 } else { Digest::of(&packed) };
    Packed { path: path.to_owned(), bytes, sha256, packed_sha256, packed, method, crc }
}

#[derive(Clone)]
struct Header {
    path: String,
    method: u16,
    crc: u32,
    packed: u32,
    content: u32,
}

impl Header {
    /// The part that local and central headers share, from "version needed" to the length of the extra field.
    fn shared(&self, needs: u16, extra: usize, out: &mut Vec<u8>) {
        for value in [needs, FLAGS, self.method, 0, DATE] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for value in [self.crc, self.packed, self.content] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        for length in [self.path.len(), extra] {
            out.extend_from_slice(&u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes());
        }
    }

    fn local(&self) -> Vec<u8> {
        let mut out = LOCAL.to_le_bytes().to_vec();
        self.shared(NEEDS, 0, &mut out);
        out.extend_from_slice(self.path.as_bytes());
        out
    }

    fn central(&self, offset: u64) -> Vec<u8> {
        let narrow = u32::try_from(offset).ok().filter(|offset| *offset != u32::MAX);
        let mut extra = Vec::new();
        if narrow.is_none() {
            extra.extend_from_slice(&1_u16.to_le_bytes());
            extra.extend_from_slice(&8_u16.to_le_bytes());
            extra.extend_from_slice(&offset.to_le_bytes());
        }
        let needs = if narrow.is_some() { NEEDS } else { NEEDS_64 };
        let mut out = CENTRAL.to_le_bytes().to_vec();
        out.extend_from_slice(&(MADE_BY_UNIX | needs).to_le_bytes());
        self.shared(needs, extra.len(), &mut out);
        // Comment length, disk, internal attributes.
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        out.extend_from_slice(&narrow.unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(self.path.as_bytes());
        out.extend_from_slice(&extra);
        out
    }

    fn data_at(&self, offset: u64) -> u64 {
        offset + 30 + u64::try_from(self.path.len()).unwrap_or(0)
    }
}

/// What stands after the directory.
fn end_records(count: u64, size: u64, offset: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let (narrow_count, narrow_size, narrow_offset) = (u16::try_from(count), u32::try_from(size), u32::try_from(offset));
    let fits = narrow_count.is_ok_and(|count| count != u16::MAX)
        && narrow_size.is_ok_and(|size| size != u32::MAX)
        && narrow_offset.is_ok_and(|offset| offset != u32::MAX);
    if !fits {
        out.extend_from_slice(&END_64.to_le_bytes());
        // Length of the rest of this record.
        out.extend_from_slice(&44_u64.to_le_bytes());
        out.extend_from_slice(&(MADE_BY_UNIX | NEEDS_64).to_le_bytes());
        out.extend_from_slice(&NEEDS_64.to_le_bytes());
        // Disks.
        out.extend_from_slice(&[0; 8]);
        for value in [count, count, size, offset] {
            out.extend_from_slice(&value.to_le_bytes());
        }
        out.extend_from_slice(&LOCATOR_64.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&(offset + size).to_le_bytes());
        out.extend_from_slice(&1_u32.to_le_bytes());
    }
    let count = if fits { narrow_count.unwrap_or(u16::MAX) } else { u16::MAX };
    let (size, offset) = if fits { (narrow_size.unwrap_or(u32::MAX), narrow_offset.unwrap_or(u32::MAX)) } else { (u32::MAX, u32::MAX) };
    out.extend_from_slice(&END.to_le_bytes());
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

/// Whether a path may follow another.
fn follows(last: Option<&str>, path: &str) -> bool {
    let place = |path: &str| (path.starts_with(SEAL), path.to_owned());
    last.is_none_or(|last| place(last) < place(path))
}

/// Writes a container, file after file.
pub struct Writer<W: Write> {
    to: W,
    at: u64,
    headers: Vec<(Header, u64)>,
}

impl<W: Write> Writer<W> {
    /// A container without files.
    pub fn new(to: W) -> Self {
        Self { to, at: 0, headers: Vec::new() }
    }

    /// Adds the next file.
    ///
    /// # Errors
    /// When it does not fit the format, its path is not the next in order, or the disk refuses.
    pub fn put(&mut self, file: &Packed) -> Result<(), WriteError> {
        let last = self.headers.last().map(|(header, _)| header.path.as_str());
        if !is_safe(&file.path) || !follows(last, &file.path) {
            return Err(WriteError::Path(file.path.clone()));
        }
        if self.headers.len() >= MAX_FILES {
            return Err(WriteError::TooLarge(format!("more than {MAX_FILES} files")));
        }
        let length = |length: u64| u32::try_from(length).ok().filter(|length| *length <= MAX_CONTENT);
        let lengths = length(u64::try_from(file.packed.len()).unwrap_or(u64::MAX)).zip(length(file.bytes));
        let (packed, content) = lengths.ok_or_else(|| WriteError::TooLarge(format!("`{}` has {} bytes", file.path, file.bytes)))?;
        let header = Header { path: file.path.clone(), method: file.method, crc: file.crc, packed, content };
        let offset = self.at;
        self.write(&header.local())?;
        self.write(&file.packed)?;
        self.headers.push((header, offset));
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes)?;
        self.at += u64::try_from(bytes.len()).unwrap_or(0);
        Ok(())
    }

    /// Writes the directory and gives the file back.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let start = self.at;
        let headers = std::mem::take(&mut self.headers);
        for (header, offset) in &headers {
            self.write(&header.central(*offset))?;
        }
        let (count, size) = (u64::try_from(headers.len()).unwrap_or(u64::MAX), self.at - start);
        self.write(&end_records(count, size, start))?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// One file of a container, unpacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path.
    pub path: String,
    /// Its content.
    pub content: Vec<u8>,
    /// SHA-256 of its bytes as they stand in the container.
    pub packed_sha256: Digest,
    /// Whether it stands as it is.
    pub stored: bool,
}

/// Reads a container of which every byte was accounted for when it was opened.
pub struct Reader<R> {
    from: R,
    headers: Vec<(Header, u64)>,
}

impl<R: Read + Seek> Reader<R> {
    /// Walks through a container: every header, the directory and the end are the ones that these files must have. Contents are looked at
    /// when they are read.
    ///
    /// # Errors
    /// With the first byte that is not what the profile demands.
    pub fn open(mut from: R) -> Result<Self, ContainerError> {
        let length = from.seek(SeekFrom::End(0)).map_err(|error| unreadable(0, &error))?;
        let mut walk = Walk { from: &mut from, at: 0, length };
        let mut headers: Vec<(Header, u64)> = Vec::new();
        while walk.peek()? == Some(LOCAL) {
            let offset = walk.at;
            let header = walk.header()?;
            if !follows(headers.last().map(|(last, _)| last.path.as_str()), &header.path) {
                return Err(walk.error(format!("`{}` is out of order or there twice", header.path)));
            }
            if headers.len() >= MAX_FILES {
                return Err(walk.error("too many files"));
            }
            headers.push((header, offset));
        }
        let start = walk.at;
        for (header, offset) in &headers {
            walk.expect(&header.central(*offset), "the directory does not list the files as they stand")?;
        }
        let count = u64::try_from(headers.len()).unwrap_or(u64::MAX);
        walk.expect(&end_records(count, walk.at - start, start), "the end record is not the one of these files")?;
        if walk.at != length {
            return Err(walk.error("there is something after the end"));
        }
        Ok(Self { from, headers })
    }

    /// Paths in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(header, _)| header.path.as_str())
    }

    /// Whether there is a file of this path.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.paths().any(|known| known == path)
    }

    /// Reads a file; `None` when there is none of this path.
    ///
    /// # Errors
    /// When its content cannot be unpacked or does not match its checksum.
    pub fn read(&mut self, path: &str) -> Result<Option<Entry>, ContainerError> {
        let found = self.headers.iter().find(|(header, _)| header.path == path).cloned();
        found.map(|(header, offset)| self.content(&header, offset)).transpose()
    }

    /// Reads a file with the bytes that it has in the container, to write it into another.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read_packed(&mut self, path: &str) -> Result<Option<Packed>, ContainerError> {
        let Some((header, offset)) = self.headers.iter().find(|(header, _)| header.path == path).cloned() else { return Ok(None) };
        let entry = self.content(&header, offset)?;
        let packed = self.packed(&header, offset)?;
        Ok(Some(Packed {
            path: entry.path,
            bytes: u64::from(header.content),
            sha256: Digest::of(&entry.content),
            packed_sha256: entry.packed_sha256,
            packed,
            method: header.method,
            crc: header.crc,
        }))
    }

    fn packed(&mut self, header: &Header, offset: u64) -> Result<Vec<u8>, ContainerError> {
        let data = header.data_at(offset);
        self.from.seek(SeekFrom::Start(data)).map_err(|error| unreadable(data, &error))?;
        let mut packed = Vec::new();
        let read = (&mut self.from).take(u64::from(header.packed)).read_to_end(&mut packed).map_err(|error| unreadable(data, &error))?;
        if u32::try_from(read).ok() == Some(header.packed) {
            return Ok(packed);
        }
        Err(ContainerError { byte: data, what: format!("the content of `{}` ends too early", header.path) })
    }

    fn content(&mut self, header: &Header, offset: u64) -> Result<Entry, ContainerError> {
        let data = header.data_at(offset);
        let path = &header.path;
        let damaged = |what: &str| ContainerError { byte: data, what: format!("the content of `{path}` {what}") };
        let packed = self.packed(header, offset)?;
        let packed_sha256 = Digest::of(&packed);
        let stored = header.method == STORED;
        let content = if stored {
            packed
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
        Ok(Entry { path: path.clone(), content, packed_sha256, stored })
    }
}

fn unreadable(byte: u64, error: &io::Error) -> ContainerError {
    ContainerError { byte, what: format!("the file cannot be read ({error})") }
}

struct Walk<'a, R> {
    from: &'a mut R,
    at: u64,
    length: u64,
}

impl<R: Read + Seek> Walk<'_, R> {
    fn error(&self, what: impl Into<String>) -> ContainerError {
        ContainerError { byte: self.at, what: what.into() }
    }

    /// At most `length` bytes from here; the position stays.
    fn look(&mut self, length: usize) -> Result<Vec<u8>, ContainerError> {
        let mut found = Vec::new();
        let at = self.at;
        let sought = self.from.seek(SeekFrom::Start(at));
        let read = sought.and_then(|_| self.from.by_ref().take(u64::try_from(length).unwrap_or(0)).read_to_end(&mut found));
        read.map(|_| found).map_err(|error| unreadable(at, &error))
    }

    fn peek(&mut self) -> Result<Option<u32>, ContainerError> {
        Ok(self.look(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)))
    }

    fn expect(&mut self, wanted: &[u8], what: &str) -> Result<(), ContainerError> {
        let found = self.look(wanted.len())?;
        if found == wanted {
            self.at += u64::try_from(wanted.len()).unwrap_or(0);
            return Ok(());
        }
        let offset = found.iter().zip(wanted).position(|(a, b)| a != b).unwrap_or(found.len());
        Err(ContainerError { byte: self.at + u64::try_from(offset).unwrap_or(0), what: what.to_owned() })
    }

    /// Reads the few members of a local header that can vary, demands that the whole header is the one we would write for them, and goes
    /// on behind the data.
    fn header(&mut self) -> Result<Header, ContainerError> {
        let start = self.look(30 + 512)?;
        let fixed = start.first_chunk::<30>().ok_or_else(|| self.error("the file ends within a header"))?;
        let u16_at = |at: usize| fixed.get(at..at + 2).and_then(|b| b.first_chunk()).map_or(0, |b| u16::from_le_bytes(*b));
        let u32_at = |at: usize| fixed.get(at..at + 4).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
        let name = start.get(30..30 + usize::from(u16_at(26)));
        let name = name.and_then(|name| std::str::from_utf8(name).ok()).filter(|name| is_safe(name));
        let path = name.ok_or_else(|| self.error("a file has an unusable name"))?.to_owned();
        let header = Header { path, method: u16_at(8), crc: u32_at(14), packed: u32_at(18), content: u32_at(22) };
        let path = &header.path;
        if !matches!(header.method, STORED | DEFLATED) || header.content > MAX_CONTENT {
            return Err(self.error(format!("`{path}` is packed in a way that packs are not")));
        }
        self.expect(&header.local(), &format!("the header of `{path}` is not in the pack's profile"))?;
        self.at += u64::from(header.packed);
        if self.at > self.length {
            return Err(self.error("the file ends too early"));
        }
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn sample() -> Vec<Packed> {
        vec![
            pack("README.txt", b"hello hello hello hello hello hello hello".to_vec(), Effort::Good),
            pack("a/empty", Vec::new(), Effort::Good),
            pack("a/random.bin", (0..=255).collect(), Effort::Good),
            pack("tests/D01/query.sql", b"SELECT 1 -- ".repeat(400), Effort::Fast),
            pack("seal/manifest.json", b"{}".repeat(100), Effort::None),
        ]
    }

    fn write(files: &[Packed]) -> Result<Vec<u8>, WriteError> {
        let mut writer = Writer::new(Vec::new());
        files.iter().try_for_each(|file| writer.put(file))?;
        writer.finish()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Entry>, ContainerError> {
        let mut reader = Reader::open(Cursor::new(bytes))?;
        let paths: Vec<String> = reader.paths().map(str::to_owned).collect();
        paths.iter().map(|path| Ok(reader.read(path)?.unwrap())).collect()
    }

    /// What Python's zip reader, which is not ours, says of a container.
    fn python(bytes: &[u8], script: &str) -> Option<String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let script = format!("import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; {script}");
        match std::process::Command::new("python3").args(["-c", &script]).arg(file.path()).output() {
            Ok(output) => {
                assert!(output.status.success(), "{output:?}");
                Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
            }
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::NotFound, "python3 is optional, other failures are not: {error}");
                None
            }
        }
    }

    #[test]
    fn what_is_written_is_read_and_other_programs_read_it_too() {
        let bytes = write(&sample()).unwrap();
        let entries = read(&bytes).unwrap();
        for (entry, packed) in entries.iter().zip(sample()) {
            assert_eq!((&entry.path, Digest::of(&entry.content)), (&packed.path, packed.sha256));
            assert_eq!((entry.packed_sha256, entry.stored), (packed.packed_sha256, packed.method == STORED));
        }
        assert!(entries.iter().any(|entry| !entry.stored) && entries.last().is_some_and(|entry| entry.stored));
        let said = python(&bytes, "print(len(z.namelist()), z.read('tests/D01/query.sql').count(b'SELECT'))");
        assert_eq!(said.as_deref().unwrap_or("5 400"), "5 400");
    }

    /// Not a single bit of a container can change without a content changing or the container being refused.
    #[test]
    fn every_byte_counts() {
        let bytes = write(&sample()).unwrap();
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
    fn paths_that_could_leave_the_folder_or_are_out_of_order_are_refused() {
        let empty = |path: &str| pack(path, vec![], Effort::None);
        for path in ["", "/etc/x", "../x", "a//b", "a/../b", "a\\b", "C:x", "a b", "é"] {
            assert!(write(&[empty(path)]).is_err(), "{path}");
        }
        assert!(write(&[empty("a"), empty("a")]).is_err());
        assert!(write(&[empty("b"), empty("a")]).is_err());
        assert!(write(&[empty("seal/a"), empty("tests/a")]).is_err());
        assert!(write(&[empty("tests/a"), empty("seal/a")]).is_ok());
    }

    /// More files than sixteen bits can count, as every zip64 program reads them.
    #[test]
    fn many_files_need_zip64() {
        let files: Vec<Packed> = (0..70_000).map(|number| pack(&format!("n/{number:06}"), vec![], Effort::None)).collect();
        let bytes = write(&files).unwrap();
        let mut reader = Reader::open(Cursor::new(&bytes)).unwrap();
        assert_eq!(reader.paths().count(), 70_000);
        assert!(reader.read("n/069999").unwrap().is_some());
        assert_eq!(python(&bytes, "print(len(z.namelist()))").as_deref().unwrap_or("70000"), "70000");
        for position in bytes.len() - 98..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[position] ^= 1;
            assert!(Reader::open(Cursor::new(&damaged)).is_err(), "byte {position}");
        }
    }

    /// A container over 4 GiB: a file with holes, so that the disk holds next to nothing of it.
    #[test]
    fn large_offsets_need_zip64() {
        struct Holes(std::fs::File);
        impl Write for Holes {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if bytes.len() > 4_096 && bytes.iter().all(|byte| *byte == 0) {
                    self.0.seek(SeekFrom::Current(i64::try_from(bytes.len()).unwrap()))?;
                    return Ok(bytes.len());
                }
                self.0.write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.flush()
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = Writer::new(Holes(file.reopen().unwrap()));
        let zeros = vec![0; 256 << 20];
        let large = pack("a", zeros, Effort::None);
        for number in 0..17 {
            writer.put(&Packed { path: format!("a/{number:02}"), ..large.clone() }).unwrap();
        }
        writer.put(&pack("b", b"behind 4 GiB".to_vec(), Effort::None)).unwrap();
        writer.finish().unwrap();
        let mut reader = Reader::open(file.reopen().unwrap()).unwrap();
        assert_eq!(reader.read("b").unwrap().unwrap().content, b"behind 4 GiB");
        let script = "import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).read('b').decode())";
        if let Ok(output) = std::process::Command::new("python3").args(["-c", script]).arg(file.path()).output() {
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "behind 4 GiB", "{output:?}");
        }
    }
}
