-- Agents for whom nobody answers
-- Enabled agents without an owner, or with one whose account is disabled or unknown: whatever they do is nobody's act.
--
-- Column agent text: The agent's account.
-- Column name text: Its name for people; NULL when hidden.
-- Column owner text: The account that should answer for it; NULL without one.
-- Column problem text: `no owner`, `unknown owner`, `owner is not a person` or `owner disabled`.
-- Column since timestamp: From when the newest record of the owner, or of the agent, holds.
-- Column requests bigint: Requests of the agent since then.
-- Column last_request_at timestamp: When it last asked since then; NULL when it did not.
WITH agents AS (
  SELECT a.principal AS agent, a.name, a.owner,
    CASE WHEN a.owner IS NULL THEN 'no owner' WHEN o.principal IS NULL THEN 'unknown owner'
      WHEN o.kind <> 'human' THEN 'owner is not a person' ELSE 'owner disabled' END AS problem,
    greatest(a.valid_from, coalesce(o.valid_from, a.valid_from)) AS since
  FROM principals a
  LEFT JOIN principals o ON o.principal = a.owner AND o.to_seq = 9007199254740991
  WHERE a.kind = 'agent' AND a.enabled AND a.to_seq = 9007199254740991
    AND (o.principal IS NULL OR o.kind <> 'human' OR NOT o.enabled))
SELECT a.agent, max(a.name) AS name, max(a.owner) AS owner, max(a.problem) AS problem, max(a.since) AS since,
  count(q.request_id) AS requests, max(q.requested_at) AS last_request_at
FROM agents a
LEFT JOIN requests q ON q.requester = a.agent AND q.requested_at >= a.since
GROUP BY a.agent
ORDER BY requests DESC, a.agent
