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

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// An entry of the log.
    Entry(u64),
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
    /// What.
    pub what: String,
    /// Whether it proves tampering or damage; otherwise something is merely missing to tell.
    pub proof: bool,
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
            head: None,
            problems: Vec::new(),
            problem_count: 0,
        }
    }

    /// Records that something is wrong.
    pub fn wrong(&mut self, place: Place, what: impl Into<String>) {
        self.add(Problem { place, what: what.into(), proof: true });
    }

    /// Records that something could not be checked.
    pub fn unknown(&mut self, place: Place, what: impl Into<String>) {
        self.add(Problem { place, what: what.into(), proof: false });
    }

    fn add(&mut self, problem: Problem) {
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
        if self.key_trusted {
            writeln!(f, "key {} as you gave it", self.key)
        } else {
            writeln!(f, "key {} as the log itself names it: compare it with a copy you trust (--trusted-key)", self.key)
        }
    }
}
