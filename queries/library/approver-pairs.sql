-- Pairs of people who approve each other
-- Ana approves what Ben asks, and Ben approves what Ana asks. Small teams cannot avoid it; a pair that seals mostly for each other is no
-- second pair of eyes. What an agent asks counts for its owner.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter at_least integer = 1: Leaves out pairs in which one approved fewer requests of the other.
--
-- Column person text: The one of the pair.
-- Column other text: The other of the pair, later in the alphabet.
-- Column given bigint: Approvals by the one for requests of the other.
-- Column received bigint: Approvals by the other for requests of the one.
-- Column given_percent bigint: Share of these among all approvals by the one, rounded down.
-- Column received_percent bigint: Share of these among all approvals by the other, rounded down.
-- Column last_at timestamp: When the newest was given.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
sealed AS (
  SELECT v.reviewer_person AS approver, q.requester_person AS asker, v.decided_at
  FROM reviews v
  JOIN requests q ON q.request_id = v.request_id
  CROSS JOIN period p
  WHERE v.verdict = 'approve' AND v.decided_at >= p.starts AND v.decided_at < p.ends),
totals AS (
  SELECT approver, count(*) AS approvals FROM sealed GROUP BY approver),
pairs AS (
  SELECT approver, asker, count(*) AS approvals, max(decided_at) AS last_at FROM sealed GROUP BY approver, asker)
SELECT a.approver AS person, a.asker AS other, a.approvals AS given, b.approvals AS received,
  100 * a.approvals / m.approvals AS given_percent, 100 * b.approvals / n.approvals AS received_percent,
  greatest(a.last_at, b.last_at) AS last_at
FROM pairs a
JOIN pairs b ON b.approver = a.asker AND b.asker = a.approver
JOIN totals m ON m.approver = a.approver
JOIN totals n ON n.approver = b.approver
WHERE a.approver < a.asker AND a.approvals >= $at_least AND b.approvals >= $at_least
ORDER BY given + received DESC, person, other
