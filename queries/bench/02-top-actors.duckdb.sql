SELECT actor_id, actor_kind, count(*) AS events, max(time) AT TIME ZONE 'UTC' AS last_at
FROM entries
GROUP BY actor_id, actor_kind
ORDER BY events DESC, actor_id
LIMIT 10
