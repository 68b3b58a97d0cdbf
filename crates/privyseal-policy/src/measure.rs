//! What Cedar alone takes for the same question: the peer that `privyseal bench policy` puts beside [`Policy::assess`].
//!
//! No clock is read here; whoever measures brings one.

use cedar_policy::{Authorizer, Entities, PolicySet, Request};

use crate::Policy;
use crate::ask::Ask;
use crate::facts::{FactValue, Facts};
use crate::question::Question;

/// One request as Cedar takes it: facts derived, entities built, rules in one set. Deciding it is all that is left.
#[derive(Debug)]
pub struct Bare {
    request: Request,
    entities: Entities,
    rules: PolicySet,
    authorizer: Authorizer,
}

impl Policy {
    /// The question that an ask becomes, over all rules at once, risk rules too. `None` when the ask would be refused before any rule
    /// is looked at.
    #[must_use]
    pub fn bare(&self, ask: &Ask<'_>) -> Option<Bare> {
        let facts = Facts::derive(&self.catalogue, self.action(&ask.action.verb)?, ask);
        let question = Question::new(ask, &facts, &self.catalogue).ok()?;
        let mut context = facts.context;
        context.insert("risk", FactValue::Long(self.assess(ask, 1).assessment.risk.into()));
        let request = question.request(&context).ok()?;
        let mut rules = self.risk.clone();
        for rule in self.routing.policies() {
            rules.add(rule.clone()).ok()?;
        }
        Some(Bare { request, entities: question.entities, rules, authorizer: Authorizer::new() })
    }
}

impl Bare {
    /// One `is_authorized`, and how many rules it named as reasons.
    #[must_use]
    pub fn decide(&self) -> usize {
        self.authorizer.is_authorized(&self.request, &self.rules, &self.entities).diagnostics().reason().count()
    }
}
