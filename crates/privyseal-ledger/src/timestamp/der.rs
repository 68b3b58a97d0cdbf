//! Reading and writing the few forms of DER that timestamps need. Lengths are checked before anything is looked at.
//!
//! A reader of our own keeps the bytes as they were signed: encoding a certificate or attribute again could differ from what its signer saw.

use super::TimestampError::{self, Malformed};

/// One element: its tag, its content, and all its bytes.
#[derive(Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) tag: u8,
    pub(super) body: &'a [u8],
    pub(super) whole: &'a [u8],
}

impl Node<'_> {
    pub(super) fn is_object_id(&self, id: &[u64]) -> bool {
        self.tag == 0x06 && self.body == object_id(id)
    }
}

/// The elements of one content, in order.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// A reader of bytes that must be one element and nothing after it.
    pub(super) fn whole(bytes: &'a [u8]) -> Result<Self, TimestampError> {
        let mut probe = Self::new(bytes);
        probe.next()?.ok_or(Malformed("it is empty"))?;
        probe.end()?;
        Ok(Self::new(bytes))
    }

    /// The next element; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Node<'a>>, TimestampError> {
        let Some((&tag, after_tag)) = self.rest.split_first() else { return Ok(None) };
        // Tags above 30 take more bytes; nothing here uses them.
        if tag & 0x1f == 0x1f {
            return Err(Malformed("an unknown tag"));
        }
        let cut = || Malformed("it is cut off");
        let (&first, mut after) = after_tag.split_first().ok_or_else(cut)?;
        let length = if first < 0x80 {
            usize::from(first)
        } else {
            let count = usize::from(first & 0x7f);
            let (digits, rest) = after.split_at_checked(count).ok_or_else(cut)?;
            // Only the shortest form is DER; the indefinite form is not.
            if count == 0 || count > 4 || digits.first() == Some(&0) {
                return Err(Malformed("a length that is not DER"));
            }
            after = rest;
            let length = digits.iter().fold(0_u64, |length, digit| length << 8 | u64::from(*digit));
            if length < 0x80 {
                return Err(Malformed("a length that is not DER"));
            }
            usize::try_from(length).map_err(|_| cut())?
        };
        let (body, rest) = after.split_at_checked(length).ok_or_else(cut)?;
        let whole = self.rest.get(..self.rest.len() - rest.len()).ok_or_else(cut)?;
        self.rest = rest;
        Ok(Some(Node { tag, body, whole }))
    }

    /// The next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8, missing: &'static str) -> Result<Node<'a>, TimestampError> {
        self.next()?.filter(|node| node.tag == tag).ok_or(Malformed(missing))
    }

    /// The next element when it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<Node<'a>>, TimestampError> {
        if self.rest.first() == Some(&tag) { self.next() } else { Ok(None) }
    }

    pub(super) fn sequence(&mut self, missing: &'static str) -> Result<Reader<'a>, TimestampError> {
        Ok(Reader::new(self.expect(0x30, missing)?.body))
    }

    /// The content of an explicitly tagged element.
    pub(super) fn explicit(&mut self, number: u8) -> Result<Reader<'a>, TimestampError> {
        Ok(Reader::new(self.expect(0xa0 | number, "an element is missing")?.body))
    }

    /// A number that is not negative and below 2^64.
    pub(super) fn unsigned(&mut self) -> Result<u64, TimestampError> {
        let body = self.expect(0x02, "no number")?.body;
        if body.len() > 9 || body.first().is_none_or(|first| first & 0x80 != 0) || (body.len() == 9 && body.first() != Some(&0)) {
            return Err(Malformed("a number out of range"));
        }
        Ok(body.iter().fold(0, |number, digit| number << 8 | u64::from(*digit)))
    }

    pub(super) fn object_id_is(&mut self, id: &[u64], otherwise: &'static str) -> Result<(), TimestampError> {
        let node = self.expect(0x06, otherwise)?;
        if node.is_object_id(id) { Ok(()) } else { Err(Malformed(otherwise)) }
    }

    pub(super) fn end(&self) -> Result<(), TimestampError> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed("there is more than there should be")) }
    }
}

/// An element with the concatenation of these parts as content.
pub(super) fn encode(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![tag];
    match u8::try_from(body.len()) {
        Ok(length) if length < 0x80 => bytes.push(length),
        _ => {
            let digits: Vec<u8> = body.len().to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
            bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(0));
            bytes.extend(digits);
        }
    }
    bytes.extend(body);
    bytes
}

pub(super) fn encode_unsigned(number: u64) -> Vec<u8> {
    encode(0x02, &[&unsigned_bytes(number)])
}

/// A number in as few bytes as DER allows, with a zero in front of a set sign bit.
pub(super) fn unsigned_bytes(number: u64) -> Vec<u8> {
    let mut digits: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        digits.insert(0, 0);
    }
    digits
}

/// The content of an object identifier.
pub(super) fn object_id(id: &[u64]) -> Vec<u8> {
    let [first, second, rest @ ..] = id else { return Vec::new() };
    let mut bytes = Vec::new();
    for number in std::iter::once(first * 40 + second).chain(rest.iter().copied()) {
        let mut groups = vec![u8::try_from(number & 0x7f).unwrap_or(0)];
        let mut left = number >> 7;
        while left > 0 {
            groups.push(0x80 | u8::try_from(left & 0x7f).unwrap_or(0));
            left >>= 7;
        }
        bytes.extend(groups.into_iter().rev());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lengths_and_object_ids() {
        assert_eq!(object_id(&[1, 2, 840, 113_549, 1, 7, 2]), [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02]);
        for (number, bytes) in [(0, vec![2, 1, 0]), (127, vec![2, 1, 127]), (128, vec![2, 2, 0, 128]), (256, vec![2, 2, 1, 0])] {
            assert_eq!(encode_unsigned(number), bytes);
            assert_eq!(Reader::new(&bytes).unsigned().unwrap(), number);
        }
        let long = encode(0x04, &[&[7; 300]]);
        assert_eq!(long[..4], [4, 0x82, 1, 44]);
        assert_eq!(Reader::new(&long).expect(4, "").unwrap().body.len(), 300);
        for bad in [&[4, 0x80, 0, 0][..], &[4, 0x81, 1, 0], &[4, 2, 0], &[4, 0x82, 0, 1, 0], &[0x1f, 1, 0], &[4]] {
            assert!(Reader::new(bad).next().is_err(), "{bad:?}");
        }
    }
}
