SELECT make_timestamp(day * 86400000000) AS day, events
FROM (SELECT epoch_us(time) // 86400000000 AS day, count(*) AS events FROM entries GROUP BY 1)
