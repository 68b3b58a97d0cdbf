-- Groups that too few people can fill
-- Groups and roles that requirements name, with the enabled people who hold them now. With one person, every request waits for their
-- holiday to end, and their own requests can be sealed by nobody.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter at_most integer = 2: Leaves out groups that more people can fill.
--
-- Column role text: The group or role.
-- Column people bigint: Natural persons who hold it now.
-- Column accounts text: Their accounts, between commas; empty without any.
-- Column requests bigint: Requests of the period whose requirement names it.
-- Column expired bigint: Of these, those that nobody decided in time.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
named AS (
  SELECT coalesce(escalated_requirement, requirement) AS requirement, count(*) AS requests,
    sum(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS expired
  FROM requests
  CROSS JOIN period
  WHERE requested_at >= starts AND requested_at < ends
  GROUP BY coalesce(escalated_requirement, requirement)),
known AS (
  SELECT DISTINCT role FROM roles),
asked AS (
  SELECT k.role, sum(n.requests) AS requests, sum(n.expired) AS expired
  FROM known k
  CROSS JOIN named n
  WHERE requirement_names(n.requirement, 'nobody', json_list('["' || k.role || '"]'))
  GROUP BY k.role),
held AS (
  SELECT r.role, count(DISTINCT p.person) AS people, array_to_string(array_agg(r.principal ORDER BY r.principal), ', ') AS accounts
  FROM roles r
  CROSS JOIN ledger l
  JOIN principals p ON p.principal = r.principal AND p.to_seq = 9007199254740991
  WHERE r.valid_from <= l.last_at AND l.last_at < r.valid_to AND p.enabled AND p.kind = 'human'
  GROUP BY r.role)
SELECT a.role, coalesce(h.people, 0) AS people, coalesce(h.accounts, '') AS accounts, a.requests, a.expired
FROM asked a
LEFT JOIN held h ON h.role = a.role
WHERE coalesce(h.people, 0) <= $at_most
ORDER BY people, requests DESC, a.role
