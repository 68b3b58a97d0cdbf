-- Requests that nobody answered, by who should have
-- One row per requirement: how many requests waited for these people, and how many ended because their time ran out. The wait is from
-- the submission to the end of its time.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column requirement text: Who had to seal it, after escalation where there was one.
-- Column requests bigint: Requests that needed a person.
-- Column expired bigint: Of these, expired.
-- Column expired_percent bigint: Share of the expired ones, rounded down.
-- Column expired_high_risk bigint: Expired ones of the tier `high`.
-- Column escalated bigint: Requests for which more people were asked.
-- Column median_wait_minutes bigint: Half of the expired ones had waited no longer; NULL without any.
-- Column last_expired timestamp: When one last expired; NULL without any.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
asked AS (
  SELECT coalesce(escalated_requirement, requirement) AS requirement, tier, state, ended_at, escalated_seq,
    CASE WHEN state = 'expired' THEN CAST(date_part('epoch', ended_at) - date_part('epoch', requested_at) AS BIGINT) / 60 END AS minutes
  FROM requests
  CROSS JOIN period
  WHERE human_required AND requested_at >= starts AND requested_at < ends)
SELECT requirement, count(*) AS requests, count(minutes) AS expired, 100 * count(minutes) / count(*) AS expired_percent,
  sum(CASE WHEN state = 'expired' AND tier = 'high' THEN 1 ELSE 0 END) AS expired_high_risk, count(escalated_seq) AS escalated,
  CAST(median(minutes) AS BIGINT) AS median_wait_minutes, max(CASE WHEN state = 'expired' THEN ended_at END) AS last_expired
FROM asked
GROUP BY requirement
ORDER BY expired_percent DESC, expired DESC, requirement
