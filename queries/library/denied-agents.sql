-- Agents that are denied most
-- An agent that asks again and again for what nobody gives it is misconfigured, or somebody else speaks through it. Its owner answers for it.
SELECT requester AS agent, max(requester_owner) AS owner, count(*) AS requests,
  sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) AS denied,
  100 * sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) / count(*) AS denied_percent,
  sum(CASE WHEN mechanism = 'policy' THEN 1 ELSE 0 END) AS refused_by_policy,
  count(DISTINCT CASE WHEN state = 'denied' THEN action END) AS actions_denied,
  max(CASE WHEN state = 'denied' THEN ended_at END) AS last_denied
FROM requests
WHERE requester_kind = 'agent'
GROUP BY requester
HAVING sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) > 0
ORDER BY denied DESC, agent
