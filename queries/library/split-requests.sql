-- One piece of work split into many requests
-- Bursts of requests of one account for the same action on the same resource with different parameters, each soon after the one before.
-- Ten exports of 900 rows each stay under a threshold of 1,000 that one of 9,000 would not.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter gap_minutes integer = 60: A request that comes later than this after the one before begins a new burst.
-- Parameter at_least integer = 3: Leaves out bursts with fewer different requests.
--
-- Column requester text: The account that asked.
-- Column requester_person text: The person behind it then; NULL when nobody is known.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column requests bigint: Requests in the burst.
-- Column different bigint: Distinct action digests among them.
-- Column approved bigint: Of the requests, approved.
-- Column without_people bigint: Of the requests, approved without a person.
-- Column highest_risk bigint: Highest risk points among them.
-- Column first_at timestamp: When the burst began.
-- Column last_at timestamp: When its last request came.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
asked AS (
  SELECT *, lag(requested_at) OVER (PARTITION BY requester, action, resource_type, resource_id ORDER BY seq) AS before_at
  FROM requests
  CROSS JOIN period
  WHERE requested_at >= starts AND requested_at < ends),
numbered AS (
  SELECT *, sum(CASE WHEN before_at + seconds($gap_minutes * 60) >= requested_at THEN 0 ELSE 1 END)
    OVER (PARTITION BY requester, action, resource_type, resource_id ORDER BY seq) AS burst
  FROM asked)
SELECT requester, max(requester_person) AS requester_person, action, resource_type || '/' || resource_id AS resource,
  count(*) AS requests, count(DISTINCT action_digest) AS different,
  sum(CASE WHEN state = 'approved' THEN 1 ELSE 0 END) AS approved,
  sum(CASE WHEN mechanism = 'automatic' THEN 1 ELSE 0 END) AS without_people,
  max(risk) AS highest_risk, min(requested_at) AS first_at, max(requested_at) AS last_at
FROM numbered
GROUP BY requester, action, resource_type, resource_id, burst
HAVING count(DISTINCT action_digest) >= $at_least
ORDER BY different DESC, first_at, requester
