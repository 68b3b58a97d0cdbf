-- Who acted most
SELECT actor_id, actor_kind, count(*) AS events, max(time) AS last_at
FROM events
GROUP BY actor_id, actor_kind
ORDER BY events DESC, actor_id
LIMIT 10
