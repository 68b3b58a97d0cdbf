-- How long people take to approve, by risk tier
-- A high-risk request that is approved as quickly as a low-risk one was not looked at longer. One row per tier that was asked for.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter target_minutes integer = 60: A wait above this is counted as over target.
--
-- Column tier text: `high`, `medium` or `low`.
-- Column asked bigint: Requests of the period, however they ended.
-- Column approved_by_people bigint: Those that people approved.
-- Column median_minutes bigint: Half of these waited no longer, in whole minutes; NULL when there are none.
-- Column p90_minutes bigint: Nine of ten waited no longer; NULL when there are none.
-- Column over_target bigint: Approved by people, and waited longer than the target.
-- Column expired bigint: Nobody decided in time.
-- Column pending bigint: Still waiting.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
asked AS (
  SELECT tier, state,
    CASE WHEN state = 'approved' AND mechanism = 'quorum' THEN CAST(date_part('epoch', ended_at) - date_part('epoch', requested_at) AS BIGINT) / 60 END AS minutes
  FROM requests
  CROSS JOIN period
  WHERE requested_at >= starts AND requested_at < ends)
SELECT tier, count(*) AS asked, count(minutes) AS approved_by_people, CAST(median(minutes) AS BIGINT) AS median_minutes,
  CAST(round(percentile_cont(0.9) WITHIN GROUP (ORDER BY minutes)) AS BIGINT) AS p90_minutes,
  sum(CASE WHEN minutes > $target_minutes THEN 1 ELSE 0 END) AS over_target,
  sum(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS expired,
  sum(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) AS pending
FROM asked
GROUP BY tier
ORDER BY CASE tier WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END
