-- Agents by the share that they are denied
-- An agent that asks again and again for what nobody gives it is misconfigured, or somebody else speaks through it. Its owner answers
-- for it.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column agent text: The agent's account.
-- Column owner text: The account that answers for it, as of its newest request; NULL without one.
-- Column requests bigint: Its requests in the period.
-- Column denied bigint: Of these, denied by people or by policy.
-- Column denied_percent bigint: Share of the denied ones, rounded down.
-- Column refused_by_policy bigint: Denied without a person being asked.
-- Column actions_denied bigint: Distinct actions among the denied.
-- Column last_denied timestamp: When it was last denied.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT requester AS agent, last_value(requester_owner ORDER BY seq) AS owner, count(*) AS requests,
  sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) AS denied,
  100 * sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) / count(*) AS denied_percent,
  sum(CASE WHEN mechanism = 'policy' THEN 1 ELSE 0 END) AS refused_by_policy,
  count(DISTINCT CASE WHEN state = 'denied' THEN action END) AS actions_denied,
  max(CASE WHEN state = 'denied' THEN ended_at END) AS last_denied
FROM requests
CROSS JOIN period
WHERE requester_kind = 'agent' AND requested_at >= starts AND requested_at < ends
GROUP BY requester
HAVING sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) > 0
ORDER BY denied_percent DESC, denied DESC, agent
