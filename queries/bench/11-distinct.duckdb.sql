SELECT count(*) AS events, count(DISTINCT actor_id) AS accounts, count(DISTINCT request_id) AS requests, count(DISTINCT kind) AS kinds
FROM entries
