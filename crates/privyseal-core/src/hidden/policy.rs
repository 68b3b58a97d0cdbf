//! Which members of an event are hidden, and hiding them.
//!
//! Pseudonymous ids of accounts and persons always stay clear: separation of duties is computed from them for years to come.
//! So do reasons of administrative acts, ticket references, resource names and the text of SQL statements, which the schema has as plain
//! strings: people are told not to write personal data there.

use serde_json::{Map, Value};

use super::{MARK, Opening, Salt, Subject, commit, form, step};
use crate::action::Action;
use crate::canonical::CanonicalError;
use crate::event::directory::Principal;
use crate::event::{ActorKind, Body, Text};

/// What is hidden. The default hides everything personal or secret that it knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HidePolicy {
    /// Names of people.
    pub names: bool,
    /// Mail addresses of people.
    pub emails: bool,
    /// Free text: justifications, comments, reasons of emergencies, causes and responses of exceptions.
    pub texts: bool,
    /// Parameters and resource attributes whose names say that they are secret; see [`is_secret_name`].
    pub secrets: bool,
    /// Further names of parameters whose values are hidden, compared without regard to case.
    pub parameters: Vec<String>,
}

impl Default for HidePolicy {
    fn default() -> Self {
        Self { names: true, emails: true, texts: true, secrets: true, parameters: Vec::new() }
    }
}

impl HidePolicy {
    /// Hides secrets only: for demonstrations with invented people, where auditors shall read the reasons in SQL.
    #[must_use]
    pub fn secrets_only() -> Self {
        Self { names: false, emails: false, texts: false, ..Self::default() }
    }

    /// Hides nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self { secrets: false, ..Self::secrets_only() }
    }
}

/// Why something cannot be hidden.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HideError {
    /// A value that has no canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// A requester wrote what only the server may write. It could otherwise name somebody else's commitment and be shown their value.
    #[error("the member `{MARK}` at {at} is reserved for hidden values: give it another name")]
    Reserved {
        /// Where, as JSON pointer.
        at: String,
    },
}

/// Words in names of parameters that say that the value is secret. A name is split at punctuation and at capital letters.
const WORDS: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "secrets",
    "token",
    "apikey",
    "authorization",
    "credential",
    "credentials",
    "cookie",
    "cookies",
    "otp",
];
/// Ends of words that say so, for names written without a break, such as `PGPASSWORD`.
const ENDS: &[&str] = &["password", "passwd", "passphrase", "secret", "token", "apikey"];
/// Words that say so before `key`.
const KEYS: &[&str] = &["api", "access", "private", "secret", "signing", "encryption", "auth", "session", "account", "service"];

/// Whether a name says that its value is secret: `password`, `DB_PASSWORD`, `apiKey`, `private-key`, `Authorization` and the like.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let of_key = |pair: &[String]| matches!(pair, [first, second] if second == "key" && KEYS.contains(&first.as_str()));
    words.iter().any(|word| WORDS.contains(&word.as_str()) || ENDS.iter().any(|end| word.ends_with(end))) || words.windows(2).any(of_key)
}

fn words(name: &str) -> Vec<String> {
    let (mut words, mut word, mut small) = (Vec::new(), String::new(), false);
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && small) {
            words.push(std::mem::take(&mut word));
        }
        small = letter.is_lowercase() || letter.is_numeric();
        word.extend(letter.is_alphanumeric().then_some(letter).into_iter().flat_map(char::to_lowercase));
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

/// Hides what is secret in an action, before its digest is taken and before it is recorded.
///
/// `sensitive` are names that the action catalogue marks. `salt` gives the salt for a pointer: a fresh one, or, to recognise an action
/// that was asked before, the one that its value had then.
///
/// # Errors
/// When a value has no canonical form, or a member has the reserved name. The action is then half hidden and of no use.
pub fn hide_action(
    action: &mut Action,
    policy: &HidePolicy,
    sensitive: &[String],
    subject: &Subject,
    salt: &mut dyn FnMut(&str) -> Salt,
) -> Result<Vec<Opening>, HideError> {
    let mut hiding = Hiding { policy, sensitive, subject, salt, openings: Vec::new() };
    hiding.object(&mut action.parameters, "/body/parameters")?;
    hiding.object(&mut action.resource.attributes, "/body/resource/attributes")?;
    Ok(hiding.openings)
}

struct Hiding<'a> {
    policy: &'a HidePolicy,
    sensitive: &'a [String],
    subject: &'a Subject,
    salt: &'a mut dyn FnMut(&str) -> Salt,
    openings: Vec<Opening>,
}

impl Hiding<'_> {
    fn hides(&self, name: &str) -> bool {
        (self.policy.secrets && is_secret_name(name))
            || self.sensitive.iter().chain(&self.policy.parameters).any(|listed| listed.eq_ignore_ascii_case(name))
    }

    fn object(&mut self, members: &mut Map<String, Value>, at: &str) -> Result<(), HideError> {
        if members.contains_key(MARK) {
            return Err(HideError::Reserved { at: at.to_owned() });
        }
        for (name, value) in members.iter_mut() {
            let at = format!("{at}/{}", step(name));
            let whole = self.hides(name) || matches!(value, Value::String(text) if self.policy.secrets && has_password(text));
            if whole { self.hide(value, &at)? } else { self.inside(value, &at)? }
        }
        Ok(())
    }

    fn inside(&mut self, value: &mut Value, at: &str) -> Result<(), HideError> {
        match value {
            Value::Object(members) => self.object(members, at),
            Value::Array(items) => {
                // A secret on a command line is one word (`--password=x`, `PGPASSWORD=x`) or the word after its option.
                let mut follows = false;
                for (index, item) in items.iter_mut().enumerate() {
                    let at = format!("{at}/{index}");
                    let word = item.as_str().unwrap_or_default();
                    let option = word.starts_with('-') && !word.contains(['=', ' ']) && self.hides(word.trim_start_matches('-'));
                    let assigned = word
                        .split_once(['=', ':'])
                        .is_some_and(|(name, _)| !name.contains(' ') && self.hides(name.trim_start_matches('-')));
                    let whole = follows || assigned || (self.policy.secrets && has_password(word));
                    follows = option && !follows;
                    if whole { self.hide(item, &at)? } else { self.inside(item, &at)? }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn hide(&mut self, value: &mut Value, at: &str) -> Result<(), HideError> {
        refuse_reserved(value, at)?;
        let salt = (self.salt)(at);
        let commitment = commit(&salt, value)?;
        let value = std::mem::replace(value, form(&commitment));
        self.openings.push(Opening { commitment, pointer: at.to_owned(), subject: self.subject.clone(), salt, value });
        Ok(())
    }
}

fn refuse_reserved(value: &Value, at: &str) -> Result<(), HideError> {
    match value {
        Value::Object(members) if members.contains_key(MARK) => Err(HideError::Reserved { at: at.to_owned() }),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| refuse_reserved(value, &format!("{at}/{}", step(name)))),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(index, value)| refuse_reserved(value, &format!("{at}/{index}"))),
        _ => Ok(()),
    }
}

/// Whether a text holds an address with a password in it: `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let authority = rest.split(['/', '?', '#', ' ', '\'', '"']).next().unwrap_or_default();
        authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
    })
}

/// Hides names, mail addresses and free text in the body of an event. What is hidden already stays as it is.
///
/// `author` is whom the event's actor stands for; none for Privyseal itself, whose texts are about nobody.
///
/// # Errors
/// When a text has no canonical form, which no text is known to have.
pub fn hide_body(
    body: &mut Body,
    policy: &HidePolicy,
    author: Option<&Subject>,
    salt: &mut dyn FnMut() -> Salt,
) -> Result<Vec<Opening>, HideError> {
    let mut openings = Vec::new();
    let mut hide = |text: &mut Text, pointer: &str, subject: &Subject| -> Result<(), HideError> {
        let Text::Clear(clear) = text else { return Ok(()) };
        let (value, salt) = (Value::String(std::mem::take(clear)), salt());
        let commitment = commit(&salt, &value)?;
        *text = Text::Hidden { commitment };
        openings.push(Opening { commitment, pointer: pointer.to_owned(), subject: subject.clone(), salt, value });
        Ok(())
    };
    match body {
        Body::PrincipalRegistered(record) => hide_record(record, policy, &mut hide)?,
        Body::PrincipalChanged(change) => hide_record(&mut change.record, policy, &mut hide)?,
        _ => {
            if let Some(author) = author.filter(|_| policy.texts) {
                for (text, pointer) in texts(body) {
                    hide(text, pointer, author)?;
                }
            }
        }
    }
    Ok(openings)
}

/// People only: the name of an agent is about nobody.
fn hide_record(
    record: &mut Principal,
    policy: &HidePolicy,
    hide: &mut dyn FnMut(&mut Text, &str, &Subject) -> Result<(), HideError>,
) -> Result<(), HideError> {
    let Some(subject) = record.person.clone().filter(|_| record.kind == ActorKind::Human).map(Subject::Person) else { return Ok(()) };
    if policy.names {
        hide(&mut record.name, "/body/name", &subject)?;
    }
    match record.email.as_mut().filter(|_| policy.emails) {
        Some(email) => hide(email, "/body/email", &subject),
        None => Ok(()),
    }
}

/// Every free text of a body that its author wrote, with its place.
fn texts(body: &mut Body) -> Vec<(&mut Text, &'static str)> {
    const COMMENT: &str = "/body/comment";
    match body {
        Body::RequestSubmitted(submitted) => vec![(&mut submitted.justification, "/body/justification")],
        Body::RequestWithdrawn(withdrawn) => withdrawn.comment.iter_mut().map(|text| (text, COMMENT)).collect(),
        Body::ReviewRecorded(review) => review.comment.iter_mut().map(|text| (text, COMMENT)).collect(),
        Body::BreakglassInvoked(invoked) => vec![(&mut invoked.reason, "/body/reason")],
        Body::BreakglassReviewed(reviewed) => vec![(&mut reviewed.comment, COMMENT)],
        Body::AccessReviewRecorded(review) => review.comment.iter_mut().map(|text| (text, COMMENT)).collect(),
        Body::LogReviewRecorded(review) => vec![(&mut review.comment, COMMENT)],
        Body::AlertTriaged(triaged) => vec![(&mut triaged.comment, COMMENT)],
        Body::ExceptionAnswered(answer) => vec![(&mut answer.cause, "/body/cause"), (&mut answer.response, "/body/response")],
        _ => Vec::new(),
    }
}
