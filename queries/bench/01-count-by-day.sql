-- How much happened on each day
SELECT date_trunc('day', time) AS day, count(*) AS events
FROM events
GROUP BY date_trunc('day', time)
