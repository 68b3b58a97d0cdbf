-- Risky requests about one database, by account
SELECT actor_id, count(*) AS requests, max(json_int(body, 'assessment', 'risk')) AS highest
FROM events
WHERE kind = 'request.submitted' AND json_text(body, 'parameters', 'database') = 'billing'
  AND json_int(body, 'assessment', 'risk') >= 60
GROUP BY actor_id
