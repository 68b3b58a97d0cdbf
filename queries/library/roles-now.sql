-- Who holds which role or group now
-- Enabled accounts at the newest entry of the log, with who gave the role and by which request. A standing role without a request was
-- given at start-up, or past the process.
SELECT r.role, r.principal, p.name, p.person, r.standing, r.valid_from,
  CASE WHEN r.standing THEN NULL ELSE r.declared_to END AS until, r.assigned_by, r.change_request, r.reason
FROM roles r
CROSS JOIN (SELECT max(time) AS moment FROM events) n
JOIN principals p ON p.principal = r.principal AND p.to_seq = 9007199254740991
WHERE r.valid_from <= n.moment AND n.moment < r.valid_to AND p.enabled
ORDER BY r.role, r.principal
