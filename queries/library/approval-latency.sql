-- How long approvals take, by action
-- Requests of the period that people approved. Waiting is counted from the submission to the approval, in whole minutes, rounded down.
-- A slowest case far above the median is a request that lay over a night or found nobody.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column action text: The verb.
-- Column environment text: Environment as the server derived it; NULL when nothing says.
-- Column approved bigint: Requests that people approved.
-- Column fastest_minutes bigint: The shortest wait.
-- Column median_minutes bigint: Half of them waited no longer.
-- Column p90_minutes bigint: Nine of ten waited no longer.
-- Column slowest_minutes bigint: The longest wait.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
waited AS (
  SELECT action, environment, CAST(date_part('epoch', ended_at) - date_part('epoch', requested_at) AS BIGINT) / 60 AS minutes
  FROM requests
  CROSS JOIN period
  WHERE state = 'approved' AND mechanism = 'quorum' AND requested_at >= starts AND requested_at < ends)
SELECT action, environment, count(*) AS approved, min(minutes) AS fastest_minutes, CAST(median(minutes) AS BIGINT) AS median_minutes,
  CAST(round(percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes)) AS BIGINT) AS p90_minutes, max(minutes) AS slowest_minutes
FROM waited
GROUP BY action, environment
ORDER BY median_minutes DESC, action, environment
