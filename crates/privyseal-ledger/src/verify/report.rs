//! What verification says: a verdict, counts, and every problem with its place.

use std::fmt;

use serde::Serialize;

/// Most problems listed one by one; beyond that only their number grows.
const MAX_LISTED: usize = 100;

/// The outcome, and the exit code of `privyseal verify`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was there and everything holds.
    Verified,
    /// Something could not be read or was not there to check, and nothing that was there is wrong.
    CouldNotTell,
    /// Something is wrong.
    Tampered,
}

impl Verdict {
    /// 0, 1 or 2, as the command-line contract says.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Verified => 0,
            Verdict::Tampered => 1,
            Verdict::CouldNotTell => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Verified => "verified",
            Verdict::CouldNotTell => "could not tell",
            Verdict::Tampered => "TAMPERED",
        })
    }
}

/// What sort of thing is wrong, for programs; [`Problem::what`] says it in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Bytes of an entry are not those that were hashed.
    Altered,
    /// An entry is missing.
    Removed,
    /// An entry stands where none was.
    Inserted,
    /// An entry stands a second time.
    Duplicated,
    /// Entries stand in another order.
    Reordered,
    /// An entry's time is before the time of the entry before it.
    Backdated,
    /// An entry's link is not the leaf of the entry before it.
    Unchained,
    /// Bytes or members that are not of the format.
    Malformed,
    /// A signature is missing, out of place, or does not verify.
    Signature,
    /// A key signed that may not, or the log begins with another key than the trusted one.
    SwappedKey,
    /// A whole other log stands here, signed by keys of its own.
    ReplacedLog,
    /// A signed head says more than there is, and the folder knows it itself.
    TailCut,
    /// The folder is whole, but older than a head that is known.
    RolledBack,
    /// A signed head is over another history.
    Forked,
    /// The published head lacks the cosignatures that the caller asks for, which proves nothing, or carries a wrong one, which does.
    Unwitnessed,
    /// A column that SQL or a look-up reads is not what the signed bytes say.
    TypedColumn,
    /// A segment holds the recorded entries, but its bytes are not the recorded ones: its footer was edited, or it was written again.
    SegmentRewritten,
    /// A segment holds other entries than the recorded ones.
    SegmentReplaced,
    /// A segment cannot be decoded: its footer or its pages were edited.
    SegmentDamaged,
    /// A recorded segment is missing.
    SegmentMissing,
    /// A tile is not what the entries give.
    TileAltered,
    /// A tile is missing.
    TileMissing,
    /// A blob is missing or is not what its name says.
    Blob,
    /// A person's passkey signature or what it is about does not hold.
    Review,
    /// Signed by a key of which others may have had the private half.
    Unprovable,
    /// Could not be read or was not there to check.
    Unread,
    /// Anything else.
    Other,
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An entry of the log.
    Entry(u64),
    /// A run of entries.
    Entries {
        /// First entry.
        first: u64,
        /// Last entry.
        last: u64,
    },
    /// A file, by its path within the folder or pack, possibly at a byte.
    File {
        /// Path.
        path: String,
        /// Byte from the start, when it is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        byte: Option<u64>,
    },
    /// The signed head.
    Head,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn file(path: impl Into<String>) -> Self {
        Place::File { path: path.into(), byte: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Entry(seq) => write!(f, "entry {seq}"),
            Place::Entries { first, last } => write!(f, "entries {first} to {last}"),
            Place::File { path, byte: None } => write!(f, "{path}"),
            Place::File { path, byte: Some(byte) } => write!(f, "{path}, byte {byte}"),
            Place::Head => f.write_str("the signed head"),
        }
    }
}

/// One thing that is wrong or could not be checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What sort of thing.
    pub finding: Finding,
    /// What.
    pub what: String,
    /// Whether it proves tampering or damage; otherwise something is merely missing to tell.
    pub proof: bool,
}

impl Problem {
    /// The cosignatures that the caller asks for are not there. Whoever takes a line away, a witness that did not answer and a history that
    /// no witness would sign look the same.
    pub(crate) fn unwitnessed(place: Place, what: String) -> Self {
        Self { place, finding: Finding::Unwitnessed, what, proof: false }
    }
}

/// The result of a verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The verdict.
    pub verdict: Verdict,
    /// Origin of the log.
    pub log: String,
    /// The key that everything was checked against.
    pub key: String,
    /// Whether the caller gave that key; otherwise it was taken from the log itself and proves nothing about who wrote it.
    pub key_trusted: bool,
    /// Entries checked.
    pub entries: u64,
    /// Event signatures checked.
    pub signatures: u64,
    /// Passkey signatures checked.
    pub passkeys: u64,
    /// Signed heads checked.
    pub heads: u64,
    /// Files checked.
    pub files: u64,
    /// Witnesses of the caller's policy who cosigned the published head; 0 without a policy.
    pub witnesses: u64,
    /// The head: size and root in hex.
    pub head: Option<(u64, String)>,
    /// The first problems, in the order they were found.
    pub problems: Vec<Problem>,
    /// How many there are in all.
    pub problem_count: u64,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self {
            verdict: Verdict::Verified,
            log: String::new(),
            key: String::new(),
            key_trusted: false,
            entries: 0,
            signatures: 0,
            passkeys: 0,
            heads: 0,
            files: 0,
            witnesses: 0,
            head: None,
            problems: Vec::new(),
            problem_count: 0,
        }
    }

    /// Records that something is wrong.
    pub fn wrong(&mut self, place: Place, what: impl Into<String>) {
        self.found(place, Finding::Other, what);
    }

    /// Records that something of this sort is wrong.
    pub fn found(&mut self, place: Place, finding: Finding, what: impl Into<String>) {
        self.add(Problem { place, finding, what: what.into(), proof: true });
    }

    /// Records that something could not be checked.
    pub fn unknown(&mut self, place: Place, what: impl Into<String>) {
        self.add(Problem { place, finding: Finding::Unread, what: what.into(), proof: false });
    }

    /// Records that something is there and holds, and still proves nothing.
    pub fn unprovable(&mut self, place: Place, what: impl Into<String>) {
        self.add(Problem { place, finding: Finding::Unprovable, what: what.into(), proof: false });
    }

    /// Counts another consequence of a problem that is listed already.
    pub fn more(&mut self) {
        self.verdict = self.verdict.max(Verdict::Tampered);
        self.problem_count += 1;
    }

    /// Whether a problem of this sort is listed.
    #[must_use]
    pub fn has(&self, finding: Finding) -> bool {
        self.problems.iter().any(|problem| problem.finding == finding)
    }

    /// Lists a problem that was counted with [`Report::more`] when it was met.
    pub(super) fn name(&mut self, place: Place, finding: Finding, what: impl Into<String>) {
        self.problem_count = self.problem_count.saturating_sub(1);
        self.found(place, finding, what);
    }

    pub(crate) fn add(&mut self, problem: Problem) {
        self.verdict = self.verdict.max(if problem.proof { Verdict::Tampered } else { Verdict::CouldNotTell });
        self.problem_count += 1;
        if self.problems.len() < MAX_LISTED {
            self.problems.push(problem);
        }
    }
}

impl Default for Report {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.verdict)?;
        for problem in &self.problems {
            writeln!(f, "  {}: {}", problem.place, problem.what)?;
        }
        let listed = u64::try_from(self.problems.len()).unwrap_or(u64::MAX);
        if self.problem_count > listed {
            writeln!(f, "  and {} more", self.problem_count - listed)?;
        }
        writeln!(
            f,
            "checked {} entries, {} event signatures, {} passkey signatures, {} signed heads, {} files",
            self.entries, self.signatures, self.passkeys, self.heads, self.files
        )?;
        if let Some((size, root)) = &self.head {
            writeln!(f, "log {} at size {size}, root {root}", self.log)?;
        }
        if self.witnesses > 0 {
            writeln!(f, "the published head is cosigned by {} of the policy's witnesses, a quorum", self.witnesses)?;
        }
        if self.key.is_empty() {
            Ok(())
        } else if self.key_trusted {
            writeln!(f, "key {} as you gave it", self.key)
        } else {
            writeln!(f, "key {} as the log itself names it: compare it with a copy you trust (--trusted-key)", self.key)
        }
    }
}
