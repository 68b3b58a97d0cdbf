//! An entry taken apart once, so that copies of it with other ids, moments and places can be written quickly.
//!
//! Works on the canonical bytes: what is replaced is found by its form, and everything else is copied as it is. Every replacement
//! but those of `log`, `seq` and a passkey's signature is as long as what it replaces, and none changes the order of members, so that the
//! result is canonical again.

use std::collections::{BTreeMap, BTreeSet};

use privyseal_core::canonical;
use privyseal_core::digest::{Digest, base64url, from_base64url};
use privyseal_core::event::Kind;
use privyseal_core::time::Timestamp;
use privyseal_core::webauthn::software::SoftwarePasskey;
use privyseal_core::webauthn::{JUDGEMENT_CONTEXT, REVIEW_CONTEXT};

const DAY_MICROS: i64 = 86_400_000_000;

/// One copy of the ledger that is copied: how far it is moved in time, and what makes its ids its own.
pub(super) struct Copy {
    /// Microseconds added to every moment; whole days.
    pub(super) shift: i64,
    /// Laid over the random part of every id that the copy does not share with the first one; all zero for the first one.
    pub(super) mask: [u8; 10],
    /// Microseconds added to the moments in ids that all copies share.
    pub(super) shared_shift: i64,
}

impl Copy {
    pub(super) fn new(number: u64, shift: i64, shared_shift: i64) -> Self {
        let random = *Digest::of(format!("bench sql copy {number}").as_bytes()).as_bytes();
        let mut mask: [u8; 10] = if number == 0 { [0; 10] } else { random.first_chunk().copied().unwrap_or_default() };
        // Version and variant of a UUID stay what they are.
        let [version, _, variant, ..] = &mut mask;
        *version &= 0x0f;
        *variant &= 0x3f;
        Self { shift, mask, shared_shift }
    }

    fn uuid(&self, uuid: [u8; 16], shared: bool) -> [u8; 16] {
        let (shift, mask) = if shared { (self.shared_shift, [0; 10]) } else { (self.shift, self.mask) };
        let value = u128::from_be_bytes(uuid);
        let millis = (i128::try_from(value >> 80).unwrap_or(0) + i128::from(shift / 1_000)).max(0);
        let mut bytes = ((value & ((1 << 80) - 1)) | u128::try_from(millis).unwrap_or(0) << 80).to_be_bytes();
        bytes.iter_mut().skip(6).zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        bytes
    }
}

/// What stands at a place of the entry and is written anew.
enum What {
    /// An id; `shared` when all copies have it in common.
    Uuid { uuid: [u8; 16], shared: bool },
    /// A moment.
    Time(i64),
    /// A day.
    Day(i64),
    /// The nonce of a grant.
    Nonce(Vec<u8>),
    /// A text that is the same in every copy: the log's name, a passkey's id.
    Text(String),
    /// The leaf of the entry before.
    Prev,
    /// The position.
    Seq,
    /// What a passkey signed over the statement that follows.
    Assertion(usize),
}

struct Field {
    at: usize,
    bytes: usize,
    what: What,
}

/// An entry in parts.
pub(super) struct Template {
    pub(super) kind: Kind,
    entry: Vec<u8>,
    fields: Vec<Field>,
    /// The part that a passkey signs.
    statement: Option<(usize, usize)>,
}

/// What templates are made with.
pub(super) struct Maker<'a> {
    /// The name of the new log.
    pub(super) origin: &'a str,
    /// New passkeys by the id of the old one.
    pub(super) passkeys: &'a BTreeMap<String, usize>,
    /// The passkeys.
    pub(super) signers: &'a [SoftwarePasskey],
    /// Ids that all copies have in common.
    pub(super) shared: &'a BTreeSet<[u8; 16]>,
}

impl Maker<'_> {
    /// Takes an entry apart.
    pub(super) fn template(&self, kind: Kind, entry: Vec<u8>) -> Template {
        let mut fields = Vec::new();
        let last = |text: &str| entry.windows(text.len()).rposition(|window| window == text.as_bytes()).map(|at| at + text.len());
        let (prev, seq) = (last(",\"prev\":"), last(",\"seq\":"));
        let signed = [Kind::ReviewRecorded, Kind::BreakglassReviewed].contains(&kind);
        let object = |name: &str| {
            let start = entry.windows(name.len()).position(|window| signed && window == name.as_bytes())? + name.len();
            let length = entry.get(start..)?.iter().position(|byte| *byte == b'}')? + 1;
            Some((start, start + length))
        };
        let (assertion, statement) = (object("\"assertion\":"), object("\"statement\":"));
        let mut at = 0;
        while let Some(rest) = entry.get(at..).filter(|rest| !rest.is_empty()) {
            let found = if Some(at) == prev {
                let bytes = if rest.starts_with(b"null") { 4 } else { 45 };
                Some(Field { at, bytes, what: What::Prev })
            } else if Some(at) == seq {
                let bytes = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
                Some(Field { at, bytes, what: What::Seq })
            } else if let Some((_, end)) = assertion.filter(|(start, _)| *start == at) {
                let credential = entry.get(at..end).and_then(|text| text_after(text, "\"credential\":\"")).unwrap_or_default();
                self.passkeys.get(&credential).map(|signer| Field { at, bytes: end - at, what: What::Assertion(*signer) })
            } else {
                self.field(at, rest)
            };
            at = found.as_ref().map_or(at + 1, |field| field.at + field.bytes);
            fields.extend(found);
        }
        Template { kind, entry, fields, statement }
    }

    /// What stands at the beginning of some text, when it is one of the forms that are replaced.
    fn field(&self, at: usize, rest: &[u8]) -> Option<Field> {
        let first = rest.first()?;
        if first.is_ascii_hexdigit() {
            if let Some(uuid) = uuid_at(rest) {
                return Some(Field { at, bytes: 36, what: What::Uuid { uuid, shared: self.shared.contains(&uuid) } });
            }
            let time = rest.get(..27).filter(|text| text.get(10) == Some(&b'T') && text.get(26) == Some(&b'Z'));
            let time = time.and_then(|text| Timestamp::from_exact(std::str::from_utf8(text).ok()?)).filter(|time| *time != Timestamp::FAR);
            return time.map(|time| Field { at, bytes: 27, what: What::Time(time.micros()) });
        }
        if *first != b'"' {
            return None;
        }
        let named = |name: &str, what: &dyn Fn(&str) -> Option<What>| {
            let text = text_after_here(rest, name)?;
            Some(Field { at: at + name.len(), bytes: text.len(), what: what(&text)? })
        };
        let log = named("\"log\":\"", &|_| Some(What::Text(self.origin.to_owned())));
        let log = log.or_else(|| {
            named("\"credential\":\"", &|text| {
                let signer = self.signers.get(*self.passkeys.get(text)?)?;
                Some(What::Text(signer.credential().to_owned()))
            })
        });
        let log = log.or_else(|| named("\"nonce\":\"", &|text| from_base64url(text).filter(|nonce| nonce.len() == 16).map(What::Nonce)));
        // The name before it is copied as it is.
        log.or_else(|| named("\"day\":\"", &|text| Timestamp::parse_lenient(text).ok().map(|day| What::Day(day.micros()))))
    }
}

/// The text that follows a name, up to the next quote; the texts looked for have no escapes.
fn text_after(entry: &[u8], name: &str) -> Option<String> {
    let start = entry.windows(name.len()).position(|window| window == name.as_bytes())?;
    text_after_here(entry.get(start..)?, name)
}

fn text_after_here(rest: &[u8], name: &str) -> Option<String> {
    let text = rest.strip_prefix(name.as_bytes())?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    String::from_utf8(text.get(..end)?.to_vec()).ok()
}

/// The ids in an entry.
pub(super) fn uuids(entry: &[u8]) -> Vec<[u8; 16]> {
    (0..entry.len()).filter_map(|at| uuid_at(entry.get(at..)?)).collect()
}

/// The UUID version 7 that a text begins with.
fn uuid_at(rest: &[u8]) -> Option<[u8; 16]> {
    let text = rest.get(..36).filter(|text| text.get(8) == Some(&b'-') && text.get(13) == Some(&b'-') && text.get(14) == Some(&b'7'))?;
    let mut value = 0_u128;
    for (place, byte) in text.iter().enumerate() {
        match (place, byte) {
            (8 | 13 | 18 | 23, b'-') => {}
            (8 | 13 | 18 | 23, _) => return None,
            (_, b'0'..=b'9') => value = value << 4 | u128::from(byte - b'0'),
            (_, b'a'..=b'f') => value = value << 4 | u128::from(byte - b'a' + 10),
            _ => return None,
        }
    }
    Some(value.to_be_bytes())
}

/// A copied entry whose link to the one before is still to be written.
pub(super) struct Unlinked {
    pub(super) kind: Kind,
    pub(super) entry: Vec<u8>,
    /// Where the link goes, quotes included: 45 bytes.
    pub(super) link: usize,
    pub(super) time: Timestamp,
}

impl Template {
    /// Writes the entry of a copy at a position.
    ///
    /// # Errors
    /// When its statement cannot be signed.
    pub(super) fn write(&self, copy: &Copy, seq: u64, signers: &[SoftwarePasskey]) -> anyhow::Result<Unlinked> {
        let mut written =
            Unlinked { kind: self.kind, entry: Vec::with_capacity(self.entry.len() + 16), link: 0, time: Timestamp::default() };
        self.write_part(&mut written, (0, self.entry.len()), copy, seq, signers)?;
        Ok(written)
    }

    fn write_part(
        &self,
        written: &mut Unlinked,
        (start, end): (usize, usize),
        copy: &Copy,
        seq: u64,
        signers: &[SoftwarePasskey],
    ) -> anyhow::Result<()> {
        let mut at = start;
        for field in self.fields.iter().filter(|field| field.at >= start && field.at < end) {
            written.entry.extend_from_slice(self.entry.get(at..field.at).unwrap_or_default());
            at = field.at + field.bytes;
            let out = &mut written.entry;
            match &field.what {
                What::Uuid { uuid, shared } => push_uuid(out, copy.uuid(*uuid, *shared)),
                What::Time(micros) => {
                    // The last one in an entry is that of the envelope.
                    written.time = Timestamp::from_micros(micros.saturating_add(copy.shift));
                    out.extend_from_slice(written.time.to_string().as_bytes());
                }
                What::Day(micros) => {
                    let day = Timestamp::from_micros(micros.saturating_add(copy.shift / DAY_MICROS * DAY_MICROS));
                    out.extend_from_slice(day.date().as_bytes());
                }
                What::Nonce(nonce) => {
                    let nonce: Vec<u8> = nonce.iter().zip(copy.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
                    out.extend_from_slice(base64url(&nonce).as_bytes());
                }
                What::Text(text) => out.extend_from_slice(text.as_bytes()),
                What::Prev => {
                    written.link = out.len();
                    if seq == 0 { out.extend_from_slice(b"null") } else { out.extend_from_slice(&[b'"'; 45]) }
                }
                What::Seq => out.extend_from_slice(seq.to_string().as_bytes()),
                What::Assertion(signer) => {
                    let assertion = self.sign(*signer, copy, seq, signers)?;
                    out.extend_from_slice(&assertion);
                }
            }
        }
        written.entry.extend_from_slice(self.entry.get(at..end).unwrap_or_default());
        Ok(())
    }

    /// What the passkey signs over the copy's statement, in canonical form.
    fn sign(&self, signer: usize, copy: &Copy, seq: u64, signers: &[SoftwarePasskey]) -> anyhow::Result<Vec<u8>> {
        let part = self.statement.ok_or_else(|| anyhow::anyhow!("a passkey signed no statement"))?;
        let mut statement = Unlinked { kind: self.kind, entry: Vec::new(), link: 0, time: Timestamp::default() };
        self.write_part(&mut statement, part, copy, seq, signers)?;
        let context = if self.kind == Kind::ReviewRecorded { REVIEW_CONTEXT } else { JUDGEMENT_CONTEXT };
        let challenge = Digest::of_parts(&[context, &statement.entry]);
        let signer = signers.get(signer).ok_or_else(|| anyhow::anyhow!("a passkey is not there"))?;
        Ok(canonical::serialize(&signer.sign(challenge.as_bytes()))?)
    }
}

fn push_uuid(out: &mut Vec<u8>, uuid: [u8; 16]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (place, byte) in uuid.iter().enumerate() {
        if [4, 6, 8, 10].contains(&place) {
            out.push(b'-');
        }
        for digit in [byte >> 4, byte & 15] {
            out.extend(DIGITS.get(usize::from(digit)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privyseal_core::event::{Entry, Event};

    const EVENTS: &str = include_str!("../../../../../privyseal-core/testdata/events-v1.jsonl");
    const WEEK: i64 = 7 * DAY_MICROS;

    fn of(entry: &str, origin: &str) -> (Template, u64) {
        let (passkeys, shared) = (BTreeMap::new(), BTreeSet::new());
        let maker = Maker { origin, passkeys: &passkeys, signers: &[], shared: &shared };
        let read = Entry::read(entry.as_bytes()).unwrap();
        (maker.template(read.kind, entry.as_bytes().to_vec()), read.seq)
    }

    fn written(template: &Template, copy: &Copy, seq: u64, prev: Option<Digest>) -> Vec<u8> {
        let mut written = template.write(copy, seq, &[]).unwrap();
        if let Some(prev) = prev {
            written.entry[written.link + 1..][..43].copy_from_slice(prev.to_string().as_bytes());
        }
        written.entry
    }

    #[test]
    fn the_first_copy_of_every_kind_of_entry_is_the_entry() {
        for entry in EVENTS.lines() {
            let event = Event::from_entry(entry.as_bytes()).unwrap();
            let (template, seq) = of(entry, &event.log);
            assert_eq!(String::from_utf8(written(&template, &Copy::new(0, 0, 0), seq, event.prev)).unwrap(), entry);
        }
    }

    #[test]
    fn a_later_copy_is_another_event_of_the_same_kind_a_week_later() {
        let mut looked_at = 0;
        for entry in EVENTS.lines() {
            let event = Event::from_entry(entry.as_bytes()).unwrap();
            let (template, seq) = of(entry, "another.example/log");
            let prev = (seq > 0).then(|| Digest::of(b"before"));
            let copied = written(&template, &Copy::new(3, WEEK, 0), seq + u64::from(seq > 0), prev);
            let copy = Event::from_entry(&copied).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&copied)));
            assert_eq!((copy.kind(), copy.seq, copy.prev), (event.kind(), seq + u64::from(seq > 0), prev));
            assert_eq!((copy.time.micros() - event.time.micros(), copy.log.as_str()), (WEEK, "another.example/log"));
            assert_eq!(i128::from(copy.id.millis()) - i128::from(event.id.millis()), i128::from(WEEK / 1_000));
            assert_ne!((copy.id, copy.request_id.is_some()), (event.id, event.request_id.is_none()));
            for (old, new) in uuids(entry.as_bytes()).into_iter().zip(uuids(&copied)) {
                assert_eq!(Copy::new(3, WEEK, 0).uuid(old, false), new, "the same id everywhere in a copy");
                assert_ne!(old, new);
                looked_at += 1;
            }
        }
        assert!(looked_at > 100, "{looked_at}");
    }
}
