//! What the annotations of a rule say, with a problem at its place for each thing they must not say.

use cedar_policy::Policy;
use privyseal_core::assessment::Assurance;
use privyseal_core::duration;
use privyseal_core::requirement::Requirement;

use super::scan::Piece;
use super::{DEFAULT_EXPIRES_SECONDS, DEFAULT_GRANT_SECONDS, DEFAULT_RUN_SECONDS, Fallback, Route, RuleKind, is_permit};
use crate::problem::{Problems, Source, suggest};

const KNOWN: [&str; 12] =
    ["approvals", "assurance", "because", "deny", "escalate", "expires", "grant", "id", "remind", "risk", "run", "uses"];
const ROUTING_ONLY: [&str; 9] = ["approvals", "assurance", "deny", "escalate", "expires", "grant", "remind", "run", "uses"];

const MAX_EXPIRES_SECONDS: i64 = 30 * 86_400;
const MAX_GRANT_SECONDS: i64 = 86_400;
const MAX_RUN_SECONDS: i64 = 30 * 86_400;
/// People are not asked, and not asked again, more often than this.
const MIN_WAIT_SECONDS: i64 = 60;
const MAX_USES: u64 = 1_000;
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
        let expires_seconds = self.seconds("expires", DEFAULT_EXPIRES_SECONDS, 60, MAX_EXPIRES_SECONDS);
        self.somebody_waits();
        Route {
            approvals: approvals.unwrap_or_default().trim().to_owned(),
            requirement,
            expires_seconds,
            grant_seconds: self.seconds("grant", DEFAULT_GRANT_SECONDS, 10, MAX_GRANT_SECONDS),
            assurance,
            deny_threshold: self.number("deny", 1, 9).unwrap_or(1),
            uses: self.number("uses", 1, MAX_USES).unwrap_or(1),
            run_seconds: self.seconds("run", DEFAULT_RUN_SECONDS, MIN_WAIT_SECONDS, MAX_RUN_SECONDS),
            remind_seconds: self.remind(expires_seconds),
            fallback: self.fallback(expires_seconds),
        }
    }

    /// Nobody can be reminded or relieved of a request that nobody is asked about.
    fn somebody_waits(&mut self) {
        let policy = self.policy;
        if policy.annotation("approvals").is_none_or(|text| text.trim() != "none") {
            return;
        }
        for name in ["escalate", "remind"].into_iter().filter(|name| policy.annotation(name).is_some()) {
            let what = format!("a rule with @approvals(\"none\") cannot have @{name}");
            self.problem_at(self.piece.annotation_at(name), what, "remove it: nobody is asked, so nobody waits");
        }
    }

    fn remind(&mut self, expires_seconds: i64) -> Option<i64> {
        self.policy.annotation("remind")?;
        let seconds = self.seconds("remind", MIN_WAIT_SECONDS, MIN_WAIT_SECONDS, MAX_EXPIRES_SECONDS);
        self.before_expiry("remind", seconds, expires_seconds);
        Some(seconds)
    }

    /// `30m: 1 of group:duty`: a time, then who may seal it from then on as well.
    fn fallback(&mut self, expires_seconds: i64) -> Option<Fallback> {
        const FIX: &str = "write a time and who may seal it then, for example @escalate(\"30m: 1 of group:duty\")";
        let text = self.policy.annotation("escalate")?;
        let Some((time, people)) = text.split_once(':') else {
            self.problem("escalate", format!("`{text}` is not an escalation"), FIX);
            return None;
        };
        let after_seconds = duration::seconds(time.trim()).filter(|seconds| (MIN_WAIT_SECONDS..=MAX_EXPIRES_SECONDS).contains(seconds));
        match after_seconds {
            None => self.problem("escalate", format!("`{time}` is not a time for @escalate"), FIX),
            Some(seconds) => self.before_expiry("escalate", seconds, expires_seconds),
        }
        let people_at = self.piece.value_at("escalate") + time.len() + 1 + (people.len() - people.trim_start().len());
        let requirement = match people.trim().parse::<Requirement>() {
            Ok(requirement) if requirement.is_none() => {
                self.problem_at(people_at, "the fallback of @escalate is nobody", "name people: waiting long is no approval");
                None
            }
            Ok(requirement) => Some(requirement),
            Err(error) => {
                let text = error.to_string();
                let (what, _) = text.split_once("; ").unwrap_or((text.as_str(), ""));
                self.problem_at(people_at, what, FIX);
                None
            }
        };
        Some(Fallback { after_seconds: after_seconds?, requirement: requirement? })
    }

    /// What would come after the request has expired never comes: it looks like care and is none.
    fn before_expiry(&mut self, name: &str, seconds: i64, expires_seconds: i64) {
        if seconds >= expires_seconds {
            let what =
                format!("@{name} comes at {}, and the request expires after {}", duration::text(seconds), duration::text(expires_seconds));
            self.problem(name, what, "shorten it, or give the rule a longer @expires");
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
