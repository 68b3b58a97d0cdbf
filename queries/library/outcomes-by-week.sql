-- Requests per week, by how they ended
-- Weeks begin on Monday, UTC. "Straight through" is what policy approved without a person; "refused" is what it refused without asking one.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
--
-- Column week timestamp: The Monday on which it began.
-- Column requests bigint: Requests submitted in it.
-- Column approved_by_people bigint: Of these, approved by people.
-- Column straight_through bigint: Of these, approved without a person.
-- Column break_glass bigint: Of these, emergencies.
-- Column denied_by_people bigint: Of these, denied by people.
-- Column refused_by_policy bigint: Of these, refused without asking anybody.
-- Column expired bigint: Of these, those that nobody decided in time.
-- Column withdrawn bigint: Of these, taken back or narrowed.
-- Column pending bigint: Of these, still waiting.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT date_trunc('week', requested_at) AS week, count(*) AS requests,
  sum(CASE WHEN mechanism = 'quorum' THEN 1 ELSE 0 END) AS approved_by_people,
  sum(CASE WHEN mechanism = 'automatic' THEN 1 ELSE 0 END) AS straight_through,
  sum(CASE WHEN mechanism = 'breakglass' THEN 1 ELSE 0 END) AS break_glass,
  sum(CASE WHEN mechanism = 'review' THEN 1 ELSE 0 END) AS denied_by_people,
  sum(CASE WHEN mechanism = 'policy' THEN 1 ELSE 0 END) AS refused_by_policy,
  sum(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS expired,
  sum(CASE WHEN state = 'cancelled' THEN 1 ELSE 0 END) AS withdrawn,
  sum(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) AS pending
FROM requests
CROSS JOIN period
WHERE requested_at >= starts AND requested_at < ends
GROUP BY date_trunc('week', requested_at)
ORDER BY week DESC
