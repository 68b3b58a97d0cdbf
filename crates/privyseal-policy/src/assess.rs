//! Evaluation of a policy for one ask: the risk first, then the route, then the requirement.
//!
//! INVARIANT: every failure refuses. Cedar skips a policy that errs; here an erring risk rule counts as matched and an erring
//! routing rule refuses the request.

mod terms;

use std::cmp::Reverse;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{AuthorizationError, Decision, EvaluationError, PolicyId, PolicySet, Response};
use privyseal_core::assessment::{Advice, Assessment, Determining, Factor, Outcome, PolicyRef, Tier};

use crate::Policy;
use crate::ask::{Ask, Assessed};
use crate::catalogue::CatalogueAction;
use crate::facts::statement::StatementClass;
use crate::facts::{FactValue, Facts};
use crate::question::{Question, Unaskable};
use crate::rule::{Route, Rule, RuleKind};
use terms::Terms;

/// What evaluates: enough to find the same code again when a decision is re-performed.
pub const EVALUATOR: &str = concat!("privyseal-policy ", env!("CARGO_PKG_VERSION"), "; cedar-policy 4.14.1; sqlparser 0.62.0");

/// When the eligibility of reviewers is settled.
const ROSTER_RULE: &str = "at-last-review";

type Context = BTreeMap<&'static str, FactValue>;

/// Risk rules that match, by number, with whether they erred; and the facts that were missing.
#[derive(Clone, Default)]
struct Matched {
    rules: BTreeMap<usize, bool>,
    missing: BTreeSet<String>,
}

/// What the routing rules say.
enum Verdict {
    Route(Terms, Vec<Determining>),
    Refuse(Vec<Determining>),
}

/// Everything the rules say.
struct Judgement {
    risk: u8,
    factors: Vec<Factor>,
    missing: BTreeSet<String>,
    verdict: Verdict,
}

impl Judgement {
    /// Nothing was evaluated, so nothing is known to be harmless.
    fn refused(rule: &str, reason: String) -> Self {
        Self { risk: 100, factors: Vec::new(), missing: BTreeSet::new(), verdict: Verdict::Refuse(vec![refusal(rule, reason)]) }
    }
}

impl Policy {
    /// What this policy, published as `version`, says about an ask. Never fails: what cannot be evaluated is refused, with the reason.
    ///
    /// Reasons that are not rules of the bundle stand under ids that begin with `policy:`, which no rule can have.
    #[must_use]
    pub fn assess(&self, ask: &Ask<'_>, version: u64) -> Assessed {
        let policy = PolicyRef { version, digest: self.digest };
        let Some(catalogued) = self.action(&ask.action.verb) else {
            let reason = format!("`{}` is not in the action catalogue", ask.action.verb);
            return assessed(policy, None, None, advice(ask), Judgement::refused("policy:unknown-action", reason));
        };
        let facts = Facts::derive(&self.catalogue, catalogued, ask);
        let judgement = self.judge(ask, &facts).unwrap_or_else(|Unaskable(reason)| Judgement::refused("policy:not-evaluated", reason));
        assessed(policy, Some(catalogued), Some(facts), advice(ask), judgement)
    }

    fn judge(&self, ask: &Ask<'_>, facts: &Facts) -> Result<Judgement, Unaskable> {
        let question = Question::new(ask, facts, &self.catalogue)?;
        let matched = self.risk_of(&question, facts)?;
        let advised = advice(ask).map_or(0, |advice| u32::from(advice.points));
        let risk = u8::try_from(self.points(&matched).saturating_add(advised).min(100)).unwrap_or(100);
        let mut factors: Vec<Factor> =
            matched.rules.iter().filter_map(|(number, errored)| factor(self.rules.get(*number)?, *errored)).collect();
        factors.sort_by_key(|factor| Reverse(factor.points));

        let mut context = facts.context.clone();
        context.insert("risk", FactValue::Long(risk.into()));
        let response = self.put(&self.routing, &question, &context)?;
        let mut missing = matched.missing;
        let verdict = self.verdict(ask, risk, &response, &mut missing);
        Ok(Judgement { risk, factors, missing, verdict })
    }

    fn put(&self, rules: &PolicySet, question: &Question, context: &Context) -> Result<Response, Unaskable> {
        Ok(self.authorizer.is_authorized(&question.request(context)?, rules, &question.entities))
    }

    /// The risk rules that match. SQL that cannot be read is judged as the riskiest thing it could be as well, so that garbling a
    /// statement never lowers its risk. The riskiest class is the one with the most points together with what matches anyway: points
    /// of the class alone would let one rule more move the choice to a class that shares its rules with those, and lower the sum.
    fn risk_of(&self, question: &Question, facts: &Facts) -> Result<Matched, Unaskable> {
        let certain = self.matching(&self.risk, question, &facts.context)?;
        if !facts.class_uncertain() {
            return Ok(certain);
        }
        let mut context = facts.context.clone();
        let mut worst = certain.clone();
        for class in StatementClass::ALL {
            context.insert("statement_class", FactValue::Text(class.as_str().to_owned()));
            // All other rules say what they said.
            let found = self.matching(&self.risk_by_class, question, &context)?;
            let mut both = certain.clone();
            for number in found.rules.into_keys() {
                if let Entry::Vacant(rule) = both.rules.entry(number) {
                    rule.insert(true);
                    both.missing.insert("statement_class".to_owned());
                }
            }
            both.missing.extend(found.missing);
            if self.points(&both) > self.points(&worst) {
                worst = both;
            }
        }
        Ok(worst)
    }

    fn matching(&self, rules: &PolicySet, question: &Question, context: &Context) -> Result<Matched, Unaskable> {
        let response = self.put(rules, question, context)?;
        let mut matched = Matched {
            rules: response.diagnostics().reason().filter_map(number).map(|number| (number, false)).collect(),
            ..Matched::default()
        };
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            matched.rules.extend(number(error.policy_id()).map(|number| (number, true)));
            matched.missing.extend(missing_fact(error.inner()));
        }
        Ok(matched)
    }

    /// Points of the rules that match, not capped.
    fn points(&self, matched: &Matched) -> u32 {
        let points = |rule: &Rule| if let RuleKind::Risk { points } = rule.kind { u32::from(points) } else { 0 };
        matched.rules.keys().filter_map(|number| self.rules.get(*number)).map(points).fold(0, u32::saturating_add)
    }

    fn verdict(&self, ask: &Ask<'_>, risk: u8, response: &Response, missing: &mut BTreeSet<String>) -> Verdict {
        let reasons: BTreeSet<usize> = response.diagnostics().reason().filter_map(number).collect();
        let rules: Vec<&Rule> = reasons.iter().filter_map(|number| self.rules.get(*number)).collect();
        let forbids = rules.iter().filter(|rule| rule.kind == RuleKind::Forbid);
        let mut refusals: Vec<Determining> = forbids.map(|rule| refusal(&rule.id, rule.because.clone())).collect();
        for AuthorizationError::PolicyEvaluationError(error) in response.diagnostics().errors() {
            missing.extend(missing_fact(error.inner()));
            let id =
                number(error.policy_id()).and_then(|number| self.rules.get(number)).map_or("policy:not-evaluated", |rule| rule.id.as_str());
            refusals.push(refusal(id, reason_of(error.inner())));
        }
        refusals.sort_by(|a, b| a.rule.cmp(&b.rule));
        if !refusals.is_empty() {
            return Verdict::Refuse(refusals);
        }
        let routes: Vec<(&Rule, &Route)> =
            rules.iter().filter_map(|rule| if let RuleKind::Route(route) = &rule.kind { Some((*rule, route)) } else { None }).collect();
        let Some((first, others)) = routes.split_first().filter(|_| response.decision() == Decision::Allow) else {
            let reason =
                format!("no rule permits `{}` on `{}` for this requester at risk {risk}", ask.action.verb, ask.action.resource.name);
            return Verdict::Refuse(vec![refusal("policy:no-rule", reason)]);
        };
        let others: Vec<&Route> = others.iter().map(|(_, route)| *route).collect();
        let terms = match Terms::of(first.1, &others) {
            Ok(terms) => terms,
            Err(error) => {
                let reason = format!("the rules that match ask together for too much: {error}");
                return Verdict::Refuse(vec![refusal("policy:requirement-too-large", reason)]);
            }
        };
        let determining = routes
            .iter()
            .map(|(rule, route)| Determining { rule: rule.id.clone(), because: rule.because.clone(), approvals: route.approvals.clone() })
            .collect();
        Verdict::Route(terms, determining)
    }
}

fn number(id: &PolicyId) -> Option<usize> {
    let text: &str = id.as_ref();
    text.parse().ok()
}

fn factor(rule: &Rule, errored: bool) -> Option<Factor> {
    let RuleKind::Risk { points } = rule.kind else { return None };
    Some(Factor { rule: rule.id.clone(), points, because: rule.because.clone(), errored })
}

fn refusal(rule: &str, because: String) -> Determining {
    Determining { rule: rule.to_owned(), because, approvals: String::new() }
}

/// The name of the fact that was not there, from Cedar's words: the errors keep their fields to themselves.
fn missing_fact(error: &EvaluationError) -> Option<String> {
    match error {
        EvaluationError::EntityAttrDoesNotExist(_) | EvaluationError::RecordAttrDoesNotExist(_) => {
            let text = error.to_string();
            let (_, name) = text.rsplit_once("the attribute `")?;
            Some(name.trim_end_matches('`').to_owned())
        }
        _ => None,
    }
}

fn reason_of(error: &EvaluationError) -> String {
    match missing_fact(error) {
        Some(name) if name == "environment" || name == "data_class" => {
            format!("the rule needs `{name}`, and no pattern of the catalogue gives one for this resource")
        }
        Some(name) => format!("the rule needs `{name}`, which is not known for this request"),
        None => format!("the rule could not be evaluated: {error}"),
    }
}

/// The advice as it counts and is recorded. It can only raise: no answer is worth no points, whatever stands there.
fn advice(ask: &Ask<'_>) -> Option<Advice> {
    let advice = ask.advice?;
    let points = if advice.failure.is_some() { 0 } else { advice.points.min(100) };
    Some(Advice { points, ..advice.clone() })
}

fn assessed(
    policy: PolicyRef,
    catalogued: Option<&CatalogueAction>,
    facts: Option<Facts>,
    advice: Option<Advice>,
    judgement: Judgement,
) -> Assessed {
    let (outcome, terms, determining) = match judgement.verdict {
        Verdict::Route(terms, determining) => (Outcome::Route, terms, determining),
        Verdict::Refuse(determining) => (Outcome::Refuse, Terms::nobody(), determining),
    };
    let assessment = Assessment {
        outcome,
        risk: judgement.risk,
        tier: Tier::of(judgement.risk),
        factors: judgement.factors,
        facts: facts.as_ref().map(Facts::record).unwrap_or_default(),
        missing: judgement.missing.into_iter().collect(),
        policy,
        determining,
        persons_required: terms::persons(&terms.requirement),
        human_required: !terms.requirement.is_none(),
        requirement: terms.requirement,
        assurance: terms.assurance,
        deny_threshold: terms.deny_threshold,
        expires_seconds: terms.expires_seconds,
        grant_seconds: terms.grant_seconds,
        uses: terms.uses,
        run_seconds: Some(terms.run_seconds),
        remind_seconds: terms.remind_seconds,
        escalation: terms.escalation,
        advice,
        roster_rule: ROSTER_RULE.to_owned(),
        evaluator: EVALUATOR.to_owned(),
    };
    let unknown = || "unknown".to_owned();
    let (environment, data_class) = facts.map(|facts| (facts.environment, facts.data_class)).unwrap_or_default();
    Assessed {
        assessment,
        environment,
        data_class,
        change_class: catalogued.map_or_else(unknown, |action| action.class.as_str().to_owned()),
        reversibility: catalogued.map_or_else(unknown, |action| action.reversibility.as_str().to_owned()),
        in_place: catalogued.and_then(|action| action.in_place),
    }
}
