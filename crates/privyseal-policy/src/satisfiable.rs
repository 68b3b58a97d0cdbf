//! Whether the people who are there could ever seal what the rules ask for. A policy that nobody can satisfy stops work on the day
//! when somebody needs it, so whoever publishes it is told before.

use privyseal_core::requirement::{Candidate, Requirement};

use crate::Policy;
use crate::rule::{Rule, RuleKind};

impl Policy {
    /// Routing rules that these people, all of them together and each as one person, could not satisfy: neither the rule itself nor
    /// its fallback. In the order of the files.
    ///
    /// It looks at each rule alone and at nobody as the requester: a rule that is missing here can still ask for too many people
    /// together with another one, or for the very person who asks.
    #[must_use]
    pub fn unsatisfiable(&self, candidates: &[Candidate]) -> Vec<&Rule> {
        let can = |requirement: &Requirement| requirement.is_none() || requirement.fill(candidates).is_some();
        let impossible = |rule: &&Rule| match &rule.kind {
            RuleKind::Route(route) => {
                !can(&route.requirement) && !route.fallback.as_ref().is_some_and(|fallback| can(&fallback.requirement))
            }
            RuleKind::Risk { .. } | RuleKind::Forbid => false,
        };
        self.rules.iter().filter(impossible).collect()
    }
}
