-- What runs without asking a person, by action
-- Requests that policy approved by itself, with the highest risk among them and the rules that let them through.
SELECT q.action, q.environment, count(*) AS requests, max(q.risk) AS highest_risk, count(DISTINCT q.requester) AS requesters,
  max(array_to_string(q.rules, ', ')) AS rules, max(q.policy_version) AS newest_policy, max(q.requested_at) AS last_asked
FROM requests q
WHERE q.mechanism = 'automatic'
GROUP BY q.action, q.environment
ORDER BY requests DESC, q.action
