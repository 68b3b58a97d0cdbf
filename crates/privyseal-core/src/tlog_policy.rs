//! Which logs and witnesses are trusted, and how many of them are enough: C2SP tlog-policy files.
//!
//! Read as UTF-8, although the spec allows other bytes in names and comments: a policy that does not read as text is refused.

use std::collections::BTreeSet;

use crate::cosignature::{COSIGNATURE_V1, WitnessKey};
use crate::note::{AnyKey, VerifierKey};

/// Longest policy accepted, in bytes.
const MAX_BYTES: usize = 1_000_000;

/// What is wrong with a policy, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the witness policy cannot be used: line {line}: {problem}")]
pub struct PolicyError {
    /// Line, from 1; the number of lines plus one for what is missing at the end.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// A log whose heads are accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key; `None` when it is of a type that this build cannot verify, so that no head is ever accepted by it.
    pub key: Option<VerifierKey>,
    /// Where it is reached, if said.
    pub url: Option<String>,
}

/// A witness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name in this file.
    pub name: String,
    /// Its key; `None` when it is of a type that this build cannot verify (ML-DSA-44), so that it never counts.
    pub key: Option<WitnessKey>,
    /// Its submission prefix, if said.
    pub url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    threshold: usize,
    members: Vec<String>,
}

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    /// INVARIANT: in the order of the file, so that a group names only witnesses and groups before it.
    groups: Vec<Group>,
    /// `None` when no witness is asked for.
    quorum: Option<String>,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When a line is not in the form of the spec, names something twice or before it is defined, or the quorum is not said exactly once.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let mut reader = Reader::default();
        if text.len() > MAX_BYTES {
            return Err(PolicyError { line: 1, problem: format!("the file is longer than {MAX_BYTES} bytes") });
        }
        let mut lines = 0;
        for (index, line) in text.split('\n').enumerate() {
            lines = index + 1;
            reader.line(line).map_err(|problem| PolicyError { line: lines, problem })?;
        }
        let quorum = reader.quorum.ok_or_else(|| PolicyError { line: lines + 1, problem: "there is no `quorum` line".to_owned() })?;
        Ok(Self { logs: reader.logs, witnesses: reader.witnesses, groups: reader.groups, quorum })
    }

    /// Whether the policy says which logs are accepted; otherwise the caller has to know.
    #[must_use]
    pub fn names_logs(&self) -> bool {
        !self.logs.is_empty()
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// Keys of the logs, those that this build can verify.
    pub fn log_keys(&self) -> impl Iterator<Item = &VerifierKey> {
        self.logs.iter().filter_map(|log| log.key.as_ref())
    }

    /// The witnesses, in the order of the file.
    #[must_use]
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether the policy asks for any witness at all.
    #[must_use]
    pub fn asks_for_witnesses(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether the witnesses for which `cosigned` holds are a quorum.
    #[must_use]
    pub fn is_quorum(&self, cosigned: impl Fn(&str) -> bool) -> bool {
        let Some(quorum) = &self.quorum else { return true };
        // From the first group to the last, not down from the quorum: a file nests groups as deeply as it has lines, and a call for each
        // level would run out of stack. A member stands in one group only, so nothing counts twice.
        let mut witnessed: BTreeSet<&str> =
            self.witnesses.iter().map(|witness| witness.name.as_str()).filter(|name| cosigned(name)).collect();
        for group in &self.groups {
            if group.members.iter().filter(|member| witnessed.contains(member.as_str())).count() >= group.threshold {
                witnessed.insert(&group.name);
            }
        }
        witnessed.contains(quorum.as_str())
    }
}

#[derive(Default)]
struct Reader {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    quorum: Option<Option<String>>,
    names: BTreeSet<String>,
    members: BTreeSet<String>,
    log_keys: BTreeSet<Vec<u8>>,
    witness_keys: BTreeSet<Vec<u8>>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        if line.chars().any(|c| c.is_ascii_control() && c != '\t') {
            return Err("it holds a control character; lines end in a line feed alone".to_owned());
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key] => self.log(key, None),
            ["log", key, url] => self.log(key, Some(url)),
            ["witness", name, key] => self.witness(name, key, None),
            ["witness", name, key, url] => self.witness(name, key, Some(url)),
            ["group", name, threshold, members @ ..] if !members.is_empty() => self.group(name, threshold, members),
            ["quorum", name] => self.set_quorum(name),
            [first, ..] => {
                Err(format!("`{}` has the wrong number of words, or is none of log, witness, group, quorum", first.escape_debug()))
            }
        }
    }

    fn log(&mut self, key: &str, url: Option<&&str>) -> Result<(), String> {
        let any: AnyKey = key.parse().map_err(|error| format!("the log's key: {error}"))?;
        let key = match any.kind {
            COSIGNATURE_V1 => return Err("the log's key is a witness's (type 0x04)".to_owned()),
            0x01 => Some(key.parse().map_err(|error| format!("the log's key: {error}"))?),
            _ => None,
        };
        if !self.log_keys.insert(any.public) {
            return Err("this log key stands in the file already".to_owned());
        }
        self.logs.push(PolicyLog { key, url: url.map(ToString::to_string) });
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&&str>) -> Result<(), String> {
        let any: AnyKey = key.parse().map_err(|error| format!("the witness's key: {error}"))?;
        let key: Option<WitnessKey> = match any.kind {
            0x01 => return Err("the witness's key is a log's (type 0x01); cosignatures need one of type 0x04".to_owned()),
            COSIGNATURE_V1 => Some(key.parse().map_err(|error| format!("the witness's key: {error}"))?),
            _ => None,
        };
        if !self.witness_keys.insert(any.public) {
            return Err("this witness key stands in the file already".to_owned());
        }
        self.define(name)?;
        self.witnesses.push(PolicyWitness { name: name.to_owned(), key, url: url.map(ToString::to_string) });
        Ok(())
    }

    fn group(&mut self, name: &str, threshold: &str, members: &[&str]) -> Result<(), String> {
        for member in members {
            self.known(member)?;
            if !self.members.insert((*member).to_owned()) {
                return Err(format!("`{}` is a member of a group already", member.escape_debug()));
            }
        }
        let count = members.len();
        let threshold = match threshold {
            "all" => count,
            "any" => 1,
            digits => number(digits).filter(|k| (1..=count).contains(k)).ok_or_else(|| {
                format!("the threshold `{}` is none of `all`, `any` or a number from 1 to {count}", digits.escape_debug())
            })?,
        };
        self.define(name)?;
        self.groups.push(Group { name: name.to_owned(), threshold, members: members.iter().map(ToString::to_string).collect() });
        Ok(())
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), String> {
        if self.quorum.is_some() {
            return Err("the quorum is said twice".to_owned());
        }
        self.quorum = Some(if name == "none" {
            None
        } else {
            self.known(name)?;
            Some(name.to_owned())
        });
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(), String> {
        if self.names.contains(name) { Ok(()) } else { Err(format!("`{}` is not defined before this line", name.escape_debug())) }
    }

    fn define(&mut self, name: &str) -> Result<(), String> {
        if name == "none" || !self.names.insert(name.to_owned()) {
            return Err(format!("the name `{}` is taken", name.escape_debug()));
        }
        Ok(())
    }
}

/// A decimal number without sign or leading zero.
fn number(digits: &str) -> Option<usize> {
    digits.parse::<usize>().ok().filter(|number| number.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosignature::WitnessSigner;

    fn key(seed: u8) -> String {
        WitnessSigner::from_seed(&format!("w{seed}.example"), &[seed; 32]).unwrap().public().to_string()
    }

    #[test]
    fn groups_may_nest_as_deeply_as_a_file_has_lines() {
        use std::fmt::Write as _;
        let mut text = format!("witness g0 {}\n", key(1));
        for level in 1..40_000 {
            writeln!(text, "group g{level} 1 g{}", level - 1).unwrap();
        }
        let policy = Policy::parse(&format!("{text}quorum g39999\n")).unwrap();
        assert!(policy.is_quorum(|name| name == "g0") && !policy.is_quorum(|_| false));
    }

    #[test]
    fn every_refusal_names_its_line() {
        let (one, two) = (key(1), key(2));
        for (text, line, words) in [
            ("quorum none\nquorum none\n", 2, "twice"),
            ("", 2, "no `quorum` line"),
            (format!("witness a {one}\nwitness b {one}\nquorum a\n").as_str(), 2, "already"),
            (format!("witness none {one}\nquorum none\n").as_str(), 1, "is taken"),
            (format!("witness a {one}\nwitness b {two}\ngroup g 01 a b\nquorum g\n").as_str(), 3, "threshold"),
            (format!("witness a {one}\ngroup g any a a\nquorum g\n").as_str(), 2, "member of a group already"),
            ("log x\nquorum none\n", 1, "log's key"),
            ("frog x\n", 1, "none of log"),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}");
            assert!(error.problem.contains(words), "{text}: {error}");
        }
    }
}
