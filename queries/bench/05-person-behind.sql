-- Runs by the person who was behind the account when it ran
SELECT p.person, count(*) AS runs, count(DISTINCT e.actor_id) AS accounts, max(e.time) AS last_at
FROM events e
JOIN persons p ON p.principal = e.actor_id AND e.time >= p.valid_from AND e.time < p.valid_to
WHERE e.kind = 'execution.started'
GROUP BY p.person
