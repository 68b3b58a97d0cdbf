-- How long approvals take, by action
-- Only requests that people approved. Waiting is counted from the submission to the approval, in minutes, rounded down.
SELECT action, environment, count(*) AS approved,
  min(date_part('epoch', ended_at) - date_part('epoch', requested_at)) / 60 AS fastest_minutes,
  median(date_part('epoch', ended_at) - date_part('epoch', requested_at)) / 60 AS median_minutes,
  max(date_part('epoch', ended_at) - date_part('epoch', requested_at)) / 60 AS slowest_minutes
FROM requests
WHERE state = 'approved' AND mechanism = 'quorum'
GROUP BY action, environment
ORDER BY median_minutes DESC, action
