-- Approvals sealed by a passkey that was enrolled shortly before
-- Whoever takes over an account enrols a passkey of their own first. One row per approval that such a passkey signed, newest first.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter hours integer = 24: A passkey enrolled less than this many hours before is fresh.
--
-- Column decided_at timestamp: When it was approved.
-- Column reviewer text: The account that approved.
-- Column reviewer_person text: The person behind it then; NULL when nobody is known.
-- Column credential text: The passkey.
-- Column label text: Its name for people.
-- Column enrolled_at timestamp: When it was enrolled.
-- Column minutes_old bigint: Whole minutes from then to the approval.
-- Column other_passkeys bigint: Passkeys of the account that counted then, besides this one.
-- Column action text: The verb.
-- Column risk bigint: Risk points, 0 to 100.
-- Column requester text: The account that asked.
-- Column request_id text: The request.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger),
fresh AS (
  SELECT v.seq, v.decided_at, v.reviewer, v.reviewer_person, v.request_id, c.credential, c.label, c.valid_from AS enrolled_at
  FROM reviews v
  JOIN credentials c ON c.credential = v.credential AND c.principal = v.reviewer
  CROSS JOIN period p
  WHERE v.verdict = 'approve' AND c.type = 'passkey' AND v.decided_at >= p.starts AND v.decided_at < p.ends
    AND v.decided_at < c.valid_from + seconds($hours * 3600)),
others AS (
  SELECT f.seq, count(*) AS passkeys
  FROM fresh f
  JOIN credentials c ON c.principal = f.reviewer
  WHERE c.type = 'passkey' AND c.credential <> f.credential AND c.valid_from <= f.decided_at AND f.decided_at < c.valid_to
  GROUP BY f.seq)
SELECT f.decided_at, f.reviewer, f.reviewer_person, f.credential, f.label, f.enrolled_at,
  CAST(date_part('epoch', f.decided_at) - date_part('epoch', f.enrolled_at) AS BIGINT) / 60 AS minutes_old,
  coalesce(o.passkeys, 0) AS other_passkeys, q.action, q.risk, q.requester, f.request_id
FROM fresh f
JOIN requests q ON q.request_id = f.request_id
LEFT JOIN others o ON o.seq = f.seq
ORDER BY f.decided_at DESC, f.seq DESC
