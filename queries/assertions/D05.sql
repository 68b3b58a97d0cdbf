-- D05: Human decided where required
--
-- Population: reviews and approvals in the period on requests for which a person has to decide. Break-glass belongs to D16.
-- Violation: the reviewer is not a person; the door or the sign-in is not one at which a person is present; the approval was automatic.
-- Indeterminate: whether a person has to decide, the reviewer's kind, the door or the sign-in is not recorded.
-- Parameter channels text[] = ["cli","portal","slack","teams"]: Doors at which a person is present.
-- Parameter methods text[] = ["link","oidc","passkey"]: Sign-ins that a person makes.
WITH acts AS (
  SELECT event_id, decided_at, request_id, 'review' AS act, reviewer_kind AS kind, channel, auth_method AS method, NULL AS mechanism FROM reviews
  UNION ALL
  SELECT event_id, decided_at, request_id, 'approval' AS act, NULL AS kind, NULL AS channel, NULL AS method, mechanism
  FROM decisions WHERE decision = 'approved' AND mechanism IS DISTINCT FROM 'breakglass'),
judged AS (
  SELECT a.event_id AS item_id, a.event_id, a.decided_at AS as_of,
    CASE
      WHEN q.request_id IS NULL THEN 'violation: there is no such request'
      WHEN a.act = 'review' AND a.kind <> 'human' THEN 'violation: the reviewer is not a person'
      WHEN a.act = 'review' AND NOT array_has($channels, a.channel) THEN 'violation: nobody is present at the door ' || a.channel
      WHEN a.act = 'review' AND NOT array_has($methods, a.method) THEN 'violation: nobody is present with the sign-in ' || a.method
      WHEN a.act = 'approval' AND a.mechanism <> 'quorum' AND q.human_required THEN 'violation: it was approved without a person'
      WHEN q.human_required IS NULL OR q.tier IS NULL THEN 'indeterminate: whether a person has to decide is not recorded'
      WHEN a.act = 'review' AND a.kind = 'human' AND array_has($channels, a.channel) AND array_has($methods, a.method) THEN 'ok'
      WHEN a.act = 'approval' AND a.mechanism = 'quorum' THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM acts a
  LEFT JOIN requests q ON q.request_id = a.request_id
  WHERE a.decided_at >= $start AND a.decided_at < $end AND q.human_required IS DISTINCT FROM false)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
