-- Standing privileges, and whether they are used
-- Roles and groups held without an end by enabled accounts, longest unused first. What nobody has used for a quarter can be given for a
-- time instead. Acting means anything that the account did, not only what needs the role.
--
-- Parameter days integer = 0: Leaves out roles held for fewer days than this.
--
-- Column role text: The role or group.
-- Column principal text: Who holds it.
-- Column kind text: `human` or `agent`.
-- Column person text: The person behind a human account; NULL for agents.
-- Column held_since timestamp: From when it counted.
-- Column held_days bigint: Whole days since then, up to the newest entry of the log.
-- Column assigned_by text: Who gave it.
-- Column change_request text: The approved request behind it; NULL without one.
-- Column last_confirmed_at timestamp: When an access review last kept it; NULL when none did.
-- Column last_acted_at timestamp: When the account last did anything; NULL when never.
WITH acted AS (
  SELECT actor_id, max(time) AS last_at FROM events GROUP BY actor_id),
confirmed AS (
  SELECT principal, role, max(reviewed_at) AS last_at FROM access_reviews WHERE outcome = 'keep' GROUP BY principal, role)
SELECT r.role, r.principal, p.kind, p.person, r.valid_from AS held_since,
  CAST(date_part('epoch', l.last_at) - date_part('epoch', r.valid_from) AS BIGINT) / 86400 AS held_days, r.assigned_by, r.change_request,
  c.last_at AS last_confirmed_at, a.last_at AS last_acted_at
FROM roles r
CROSS JOIN ledger l
JOIN principals p ON p.principal = r.principal AND p.to_seq = 9007199254740991
LEFT JOIN acted a ON a.actor_id = r.principal
LEFT JOIN confirmed c ON c.principal = r.principal AND c.role = r.role
WHERE r.standing AND p.enabled AND r.valid_from <= l.last_at AND l.last_at < r.valid_to
  AND l.last_at >= r.valid_from + seconds($days * 86400)
ORDER BY a.last_at NULLS FIRST, r.role, r.principal
