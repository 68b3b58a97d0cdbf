-- What runs without asking a person, by action
-- Requests that policy approved by itself, with the highest risk among them and the rules that let them through.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column action text: The verb.
-- Column environment text: Environment as the server derived it; NULL when nothing says.
-- Column requests bigint: Requests approved without a person.
-- Column highest_risk bigint: Highest risk points among them.
-- Column requesters bigint: Distinct accounts that asked.
-- Column rules text: The rules that let the newest of them through.
-- Column newest_policy bigint: Newest policy version that did so.
-- Column last_asked timestamp: When it was last asked.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT q.action, q.environment, count(*) AS requests, max(q.risk) AS highest_risk, count(DISTINCT q.requester) AS requesters,
  last_value(array_to_string(q.rules, ', ') ORDER BY q.seq) AS rules, max(q.policy_version) AS newest_policy,
  max(q.requested_at) AS last_asked
FROM requests q
CROSS JOIN period p
WHERE q.mechanism = 'automatic' AND q.requested_at >= p.starts AND q.requested_at < p.ends
GROUP BY q.action, q.environment
ORDER BY requests DESC, q.action, q.environment
