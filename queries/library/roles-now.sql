-- Who holds which role or group now
-- Enabled accounts at the newest entry of the log, with who gave the role and by which request. A standing role without a request was
-- given at start-up, or past the process.
--
-- Column role text: The role or group.
-- Column principal text: Who holds it.
-- Column name text: Name of the account for people; NULL when hidden.
-- Column person text: The person behind a human account; NULL for agents.
-- Column standing boolean: Whether it was given without an end.
-- Column valid_from timestamp: From when it counts.
-- Column until timestamp: Its end; NULL for a standing role.
-- Column assigned_by text: Who gave it.
-- Column change_request text: The approved request behind it; NULL without one.
-- Column reason text: Why it was given.
SELECT r.role, r.principal, p.name, p.person, r.standing, r.valid_from,
  CASE WHEN r.standing THEN NULL ELSE r.declared_to END AS until, r.assigned_by, r.change_request, r.reason
FROM roles r
CROSS JOIN ledger l
JOIN principals p ON p.principal = r.principal AND p.to_seq = 9007199254740991
WHERE r.valid_from <= l.last_at AND l.last_at < r.valid_to AND p.enabled
ORDER BY r.role, r.principal
