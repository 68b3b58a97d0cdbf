-- Denied by one person, then approved by another
-- A request that people denied, and the next approved one of the same account for the same action on the same resource. Often the
-- objection was answered in between; otherwise somebody went looking for a softer approver. Nobody who denied is among who approved.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter days integer = 7: How many days after the denial a request still counts as asking again.
--
-- Column denied_at timestamp: When it was denied.
-- Column denied_by text: The persons who denied it.
-- Column asked_again_at timestamp: When it was asked again.
-- Column approved_at timestamp: When that was approved.
-- Column approved_by text: The persons who approved that; empty when policy did.
-- Column unchanged boolean: Whether exactly the same was asked: the digests are equal.
-- Column requester text: The account that asked.
-- Column requester_person text: The person behind it; NULL when nobody is known.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column denied_request text: The request that was denied.
-- Column approved_request text: The request that was approved.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
denied AS (
  SELECT q.*, d.denied_by
  FROM requests q
  JOIN decisions d ON d.request_id = q.request_id AND d.decision = 'denied'
  CROSS JOIN period p
  WHERE q.state = 'denied' AND q.mechanism = 'review' AND q.ended_at >= p.starts AND q.ended_at < p.ends),
approved AS (
  SELECT q.*, d.slot_persons AS approved_by
  FROM requests q
  JOIN decisions d ON d.request_id = q.request_id AND d.decision = 'approved'
  WHERE q.state = 'approved'),
paired AS (
  SELECT d.ended_at AS denied_at, array_to_string(d.denied_by, ', ') AS denied_by, a.requested_at AS asked_again_at,
    a.ended_at AS approved_at, array_to_string(array_distinct(a.approved_by), ', ') AS approved_by,
    a.action_digest = d.action_digest AS unchanged, d.requester, d.requester_person, d.action,
    d.resource_type || '/' || d.resource_id AS resource, d.request_id AS denied_request, a.request_id AS approved_request,
    row_number() OVER (PARTITION BY d.request_id ORDER BY a.seq) AS nth
  FROM denied d
  JOIN approved a ON a.requester = d.requester AND a.action = d.action AND a.resource_type = d.resource_type
    AND a.resource_id = d.resource_id AND a.seq > d.ended_seq AND a.requested_at < d.ended_at + seconds($days * 86400)
    AND NOT array_has_any(a.approved_by, d.denied_by))
SELECT denied_at, denied_by, asked_again_at, approved_at, approved_by, unchanged, requester, requester_person, action, resource,
  denied_request, approved_request
FROM paired
WHERE nth = 1
ORDER BY denied_at DESC, denied_request
