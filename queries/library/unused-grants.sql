-- Approved, and never run
-- Grants that ended without a use, newest first. Many of them for one action mean that people approve what nobody needs, or too late.
SELECT g.issued_at, g.expires_at, g.state, g.mechanism, g.action, g.resource_type || '/' || g.resource_id AS resource, g.subject,
  g.request_id
FROM grants g
CROSS JOIN (SELECT max(time) AS moment FROM events) n
WHERE g.uses = 0 AND (g.state IN ('expired', 'revoked') OR g.expires_at <= n.moment)
ORDER BY g.issued_at DESC
