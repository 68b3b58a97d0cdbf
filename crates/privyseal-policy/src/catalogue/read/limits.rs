//! Reads what bounds requesters: break-glass, and how much one may ask for.

use privyseal_core::command::RateLimits;

use super::super::Breakglass;
use super::{Reader, Table};

/// A larger limit limits nothing.
const MAX_LIMIT: i64 = 1_000_000;

impl Reader<'_> {
    pub(super) fn breakglass(&mut self, root: Table<'_>) -> Breakglass {
        let Some(table) = self.section(root, "breakglass", "[breakglass]") else { return Breakglass::default() };
        self.keys(table, &["max_minutes", "review_hours"]);
        let max_minutes = self.number(table, "max_minutes", true, 1..1_441);
        let review_hours = self.number(table, "review_hours", true, 1..721);
        let default = Breakglass::default();
        Breakglass { max_minutes: max_minutes.unwrap_or(default.max_minutes), review_hours: review_hours.unwrap_or(default.review_hours) }
    }

    pub(super) fn limits(&mut self, root: Table<'_>) -> RateLimits {
        let Some(table) = self.section(root, "limits", "[limits]") else { return RateLimits::default() };
        let keys = ["requests_per_minute_per_agent", "requests_per_minute_per_owner", "pending_per_agent"];
        self.keys(table, &keys);
        let [per_minute_agent, per_minute_owner, pending_agent] =
            keys.map(|key| self.number(table, key, false, 1..MAX_LIMIT + 1).and_then(|number| u64::try_from(number).ok()));
        if let (Some(agent), Some(owner)) = (per_minute_agent, per_minute_owner)
            && owner < agent
        {
            let what = format!("all agents of an owner may ask {owner} times a minute, and one of them {agent} times");
            self.problem(table.at, what, "let requests_per_minute_per_owner be at least requests_per_minute_per_agent");
        }
        RateLimits { per_minute_agent, per_minute_owner, pending_agent }
    }
}
