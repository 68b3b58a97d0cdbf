//! What tests share: small bundles, asks, and the default policy of the repository.

use std::collections::BTreeSet;

use privyseal_core::action::Action;
use privyseal_core::assessment::Advice;
use privyseal_core::event::ActorKind;
use privyseal_policy::{Ask, Assessed, History, Policy, PolicyFile, Problems, Requester};
use serde_json::{Value, json};

/// A small catalogue with one of everything.
pub(crate) const CATALOGUE: &str = r#"
[[action]]
id = "db.schema.apply"
title = "Apply a schema change"
class = "schema"
reversibility = "costly"

[[action]]
id = "db.schema.drop"
title = "Drop"
class = "schema"
reversibility = "irreversible"

[[action]]
id = "infra.restart"
title = "Restart"
class = "infrastructure"
reversibility = "reversible"

[[resource]]
pattern = "*/prod"
environment = "production"
data_class = "confidential"

[[resource]]
pattern = "*/staging"
environment = "staging"

[[freeze]]
from = 2026-12-20T00:00:00Z
to = "2027-01-03"
reason = "year end"

[hours]
start = "08:00"
end = "18:00"
days = ["mon", "tue", "wed", "thu", "fri"]

[claims]
size = "integer"
tags = "texts"
"#;

pub(crate) fn file(name: &str, text: &str) -> PolicyFile {
    PolicyFile { name: name.to_owned(), text: text.to_owned() }
}

/// Loads rules with the small catalogue.
pub(crate) fn load(rules: &str) -> Result<Policy, Problems> {
    Policy::load(vec![file("rules.cedar", rules), file("catalogue.toml", CATALOGUE)])
}

pub(crate) fn policy(rules: &str) -> Policy {
    load(rules).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A rule without fault.
pub(crate) const OK: &str = "@id(\"ok\") @approvals(\"none\") permit (principal, action, resource);\n";

/// What loading says about a rule that stands on line 2, after a good one.
pub(crate) fn check_rule(rule: &str, expected: &[&str]) {
    let problems = match load(&format!("{OK}{rule}")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.all().iter().map(ToString::to_string).collect(),
    };
    assert_eq!(problems, expected, "{rule}");
}

/// The default policy as it stands in `controls/policy`.
pub(crate) fn default_policy() -> Policy {
    let files = vec![
        file("default.cedar", include_str!("../../../../controls/policy/default.cedar")),
        file("catalogue.toml", include_str!("../../../../controls/policy/catalogue.toml")),
    ];
    Policy::load(files).unwrap_or_else(|problems| panic!("{problems}"))
}

pub(crate) const DEFAULT_TESTS: &str = include_str!("../../../../controls/policy/tests.toml");

/// A harmless migration.
pub(crate) const ADD: &str = "ALTER TABLE orders ADD COLUMN note text";

/// The same as an ask for production.
pub(crate) fn prod() -> Sample {
    Sample::new("db.schema.apply", "postgres:orders/prod", json!({"sql": ADD}))
}

/// Ids of the determining rules.
pub(crate) fn rules(assessed: &Assessed) -> Vec<&str> {
    assessed.assessment.determining.iter().map(|rule| rule.rule.as_str()).collect()
}

/// What the determining rules say.
pub(crate) fn reasons(assessed: &Assessed) -> Vec<&str> {
    assessed.assessment.determining.iter().map(|rule| rule.because.as_str()).collect()
}

/// An ask that tests change to their needs.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) requester: Requester,
    pub(crate) action: Action,
    pub(crate) input_texts: Vec<(String, String)>,
    pub(crate) history: History,
    pub(crate) deceptive: bool,
    pub(crate) advice: Option<Advice>,
    pub(crate) at: &'static str,
}

impl Sample {
    pub(crate) fn new(verb: &str, resource: &str, parameters: Value) -> Self {
        let (kind, id) = resource.split_once(':').unwrap();
        let action = json!({"action": verb, "resource": {"type": kind, "id": id}, "parameters": parameters});
        Self {
            requester: Requester {
                principal: "agent:deploy-bot".parse().unwrap(),
                kind: ActorKind::Agent,
                roles: BTreeSet::from(["group:bots".parse().unwrap()]),
                owner: Some("ana".parse().unwrap()),
            },
            action: serde_json::from_value(action).unwrap(),
            input_texts: Vec::new(),
            history: History::default(),
            deceptive: false,
            advice: None,
            at: "2026-11-23T10:00:00Z",
        }
    }

    pub(crate) fn human(mut self, roles: &[&str]) -> Self {
        let roles = roles.iter().map(|role| role.parse().unwrap()).collect();
        self.requester = Requester { principal: "ben".parse().unwrap(), kind: ActorKind::Human, roles, owner: None };
        self
    }

    pub(crate) fn claiming(mut self, attributes: &Value) -> Self {
        self.action.resource.attributes = attributes.as_object().unwrap().clone();
        self
    }

    pub(crate) fn at(mut self, at: &'static str) -> Self {
        self.at = at;
        self
    }

    /// With what an advisor said; `failure` when it said nothing.
    pub(crate) fn advised(mut self, points: u8, failure: Option<&str>) -> Self {
        self.advice = Some(Advice {
            advisor: "lookout".to_owned(),
            points,
            because: if failure.is_some() { String::new() } else { "seen in an attack elsewhere".to_owned() },
            failure: failure.map(str::to_owned),
            waited_ms: 12,
        });
        self
    }

    pub(crate) fn assess(&self, policy: &Policy) -> Assessed {
        let ask = Ask {
            requester: &self.requester,
            action: &self.action,
            input_texts: &self.input_texts,
            history: self.history,
            on_behalf_of: false,
            justification_chars: 80,
            has_ticket: true,
            deceptive: self.deceptive,
            advice: self.advice.as_ref(),
            now: self.at.parse().unwrap(),
        };
        policy.assess(&ask, 7)
    }
}
