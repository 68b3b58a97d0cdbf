-- Approved, and never run
-- Grants that ended without a use, newest first. Many of them for one action mean that people approve what nobody needs, or too late.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column issued_at timestamp: When it was issued.
-- Column expires_at timestamp: First moment at which it could not be redeemed any more.
-- Column state text: `revoked`, `expired` or `unused`.
-- Column mechanism text: `quorum`, `automatic` or `breakglass`.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column subject text: The only account that could redeem it.
-- Column request_id text: The request behind it.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT g.issued_at, g.expires_at, g.state, g.mechanism, g.action, g.resource_type || '/' || g.resource_id AS resource, g.subject,
  g.request_id
FROM grants g
CROSS JOIN ledger l
CROSS JOIN period p
WHERE g.uses = 0 AND (g.state IN ('expired', 'revoked') OR g.expires_at <= l.last_at) AND g.issued_at >= p.starts AND g.issued_at < p.ends
ORDER BY g.issued_at DESC, g.seq DESC
