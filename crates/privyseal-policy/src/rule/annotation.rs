//! What the annotations of a rule say, with a problem at its place for each thing they must not say.

use cedar_policy::Policy;
use privyseal_core::assessment::Assurance;
use privyseal_core::requirement::Requirement;

use super::scan::Piece;
use super::{DEFAULT_EXPIRES_SECONDS, DEFAULT_GRANT_SECONDS, Route, RuleKind, is_permit};
use crate::duration;
use crate::problem::{Problems, Source, suggest};

const KNOWN: [&str; 8] = ["approvals", "assurance", "because", "deny", "expires", "grant", "id", "risk"];
const ROUTING_ONLY: [&str; 5] = ["approvals", "assurance", "deny", "expires", "grant"];

const MAX_EXPIRES_SECONDS: i64 = 30 * 86_400;
const MAX_GRANT_SECONDS: i64 = 86_400;
const MAX_BECAUSE_CHARS: usize = 200;

pub(super) struct Annotations<'a, 'p> {
    pub(super) source: Source<'a>,
    pub(super) piece: &'a Piece,
    pub(super) policy: &'a Policy,
    pub(super) problems: &'p mut Problems,
}

impl Annotations<'_, '_> {
    fn problem_at(&mut self, at: usize, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.add(self.source.problem(at, what, fix));
    }

    /// A problem with the value of an annotation, or with the rule when the annotation is missing.
    fn problem(&mut self, name: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.problem_at(self.piece.value_at(name), what, fix);
    }

    pub(super) fn id(&mut self) -> String {
        let id = self.policy.annotation("id").unwrap_or_default().to_owned();
        let first = id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let rest = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte));
        if self.policy.annotation("id").is_none() {
            self.problem("id", "the rule has no @id", "add @id(\"…\"): it names the rule in every explanation and record");
        } else if !first || !rest || id.len() > 64 {
            self.problem("id", format!("`{id}` cannot be an @id"), "use at most 64 of a-z, 0-9, `.`, `_`, `-`, first a letter or digit");
        }
        id
    }

    pub(super) fn because(&mut self) -> String {
        let because = self.policy.annotation("because").unwrap_or_default().trim().to_owned();
        let must = self.policy.annotation("risk").is_some() || !is_permit(self.policy);
        if because.is_empty() && must {
            self.problem(
                "because",
                "the rule has no @because",
                "say in a few words why it adds risk or forbids: people read it when they decide",
            );
        }
        if because.chars().count() > MAX_BECAUSE_CHARS {
            self.problem(
                "because",
                format!("@because is longer than {MAX_BECAUSE_CHARS} characters"),
                "people have ten seconds to read it",
            );
        }
        because
    }

    pub(super) fn kind(&mut self) -> RuleKind {
        let policy = self.policy;
        for (name, _) in policy.annotations() {
            if !KNOWN.contains(&name) {
                self.problem_at(self.piece.annotation_at(name), format!("unknown annotation @{name}"), suggest(name, KNOWN));
            }
        }
        let has = |name: &str| policy.annotation(name).is_some();
        if has("risk") || !is_permit(policy) {
            let what = if has("risk") { "a rule with @risk" } else { "a forbid" };
            for name in ROUTING_ONLY.into_iter().filter(|name| has(name)) {
                let fix = format!("remove it; @{name} belongs to permit rules that route");
                self.problem_at(self.piece.annotation_at(name), format!("{what} cannot have @{name}"), fix);
            }
        }
        if has("risk") {
            if !is_permit(policy) {
                let fix = "write permit: risk rules never permit anything, they only add points";
                self.problem_at(self.piece.annotation_at("risk"), "a rule with @risk must be a permit", fix);
            }
            return RuleKind::Risk { points: self.number("risk", 1, 100).and_then(|points| u8::try_from(points).ok()).unwrap_or(100) };
        }
        if is_permit(policy) { RuleKind::Route(self.route()) } else { RuleKind::Forbid }
    }

    fn route(&mut self) -> Route {
        let approvals = self.policy.annotation("approvals").map(str::to_owned);
        let requirement = match approvals.as_deref().map(str::parse::<Requirement>) {
            None => {
                let fix = "add @approvals(\"1 of group:…\") or @approvals(\"none\") to route, or @risk(\"…\") to add risk";
                self.problem_at(self.piece.start, "a permit without @approvals", fix);
                Requirement::none()
            }
            Some(Ok(requirement)) => requirement,
            Some(Err(error)) => {
                let text = error.to_string();
                let (what, fix) = text.split_once("; ").unwrap_or((text.as_str(), ""));
                self.problem("approvals", what, fix);
                Requirement::none()
            }
        };
        let assurance = match self.policy.annotation("assurance") {
            None | Some("session") => Assurance::Session,
            Some("passkey") => Assurance::Passkey,
            Some(other) => {
                let what = format!("`{other}` is not an assurance");
                self.problem("assurance", what, "write @assurance(\"passkey\") or @assurance(\"session\")");
                Assurance::Passkey
            }
        };
        let deny = self.policy.annotation("deny").is_some();
        Route {
            approvals: approvals.unwrap_or_default().trim().to_owned(),
            requirement,
            expires_seconds: self.seconds("expires", DEFAULT_EXPIRES_SECONDS, 60, MAX_EXPIRES_SECONDS),
            grant_seconds: self.seconds("grant", DEFAULT_GRANT_SECONDS, 10, MAX_GRANT_SECONDS),
            assurance,
            deny_threshold: if deny { self.number("deny", 1, 9).unwrap_or(1) } else { 1 },
        }
    }

    fn seconds(&mut self, name: &str, default: i64, least: i64, most: i64) -> i64 {
        let Some(text) = self.policy.annotation(name) else { return default };
        let seconds = duration::seconds(text).filter(|seconds| (least..=most).contains(seconds));
        if seconds.is_none() {
            let what = format!("`{text}` is not a time for @{name}");
            let fix =
                format!("write a number and s, m, h or d, from {} to {}, for example 30m", duration::text(least), duration::text(most));
            self.problem(name, what, fix);
        }
        seconds.unwrap_or(default)
    }

    fn number(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let text = self.policy.annotation(name)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        if number.is_none() {
            self.problem(name, format!("`{text}` is not a number for @{name}"), format!("write a whole number from {least} to {most}"));
        }
        number
    }
}
