-- D15: Strong, fresh authentication
--
-- Population: reviews, emergency starts and policy changes of the period. The first policy of a log, put in force by the system itself
--   while the log is set up, is left out: nobody could have signed in.
-- Violation: for a tier that needs it, the sign-in does not resist phishing; the sign-in is too old; the review is less strongly proven than
--   policy asked; the session was used by several accounts. A passkey signature over the very decision counts as strong and fresh.
-- Indeterminate: the time or the methods of the sign-in, or the tier, are not recorded.
-- Parameter phishing_resistant_amr text[] = ["hwk","sc","swk"]: Authentication methods (RFC 8176) that resist phishing.
-- Parameter phishing_resistant_tiers text[] = ["high"]: Tiers that need one. Emergencies and policy changes count as high.
-- Parameter max_age_seconds_high integer = 900: Oldest sign-in for tier high.
-- Parameter max_age_seconds_other integer = 28800: Oldest sign-in for the other tiers.
WITH acts AS (
  SELECT v.event_id, v.decided_at AS acted_at, q.tier, v.amr, v.auth_time, v.session, v.assurance, q.assurance AS asked, q.request_id AS known
  FROM reviews v LEFT JOIN requests q ON q.request_id = v.request_id
  UNION ALL
  SELECT id, time, 'high', amr, auth_time, session, NULL, NULL, 'x' FROM events WHERE kind = 'breakglass.invoked'
  UNION ALL
  SELECT e.id, e.time, 'high', e.amr, e.auth_time, e.session, NULL, NULL, 'x'
  FROM events e CROSS JOIN (SELECT min(from_seq) AS seq FROM policies) f
  WHERE e.kind = 'policy.published' AND NOT (e.seq = f.seq AND e.actor_kind = 'system')),
shared AS (
  SELECT session FROM events WHERE session IS NOT NULL GROUP BY session HAVING count(DISTINCT actor_id) > 1),
judged AS (
  SELECT a.event_id AS item_id, a.event_id, a.acted_at AS as_of,
    CASE
      WHEN a.known IS NULL THEN 'violation: there is no such request'
      WHEN s.session IS NOT NULL THEN 'violation: the session was used by several accounts'
      WHEN a.asked = 'passkey' AND a.assurance = 'session' THEN 'violation: policy asked for a passkey signature over the decision'
      WHEN a.assurance = 'passkey' AND a.tier IS NOT NULL THEN 'ok'
      WHEN array_has($phishing_resistant_tiers, a.tier) AND NOT array_has_any(a.amr, $phishing_resistant_amr)
        THEN 'violation: the sign-in does not resist phishing'
      WHEN a.tier = 'high' AND a.auth_time + seconds($max_age_seconds_high) < a.acted_at THEN 'violation: the sign-in was too old'
      WHEN a.tier <> 'high' AND a.auth_time + seconds($max_age_seconds_other) < a.acted_at THEN 'violation: the sign-in was too old'
      WHEN a.tier IS NULL THEN 'indeterminate: the tier is not recorded'
      WHEN a.amr IS NULL OR a.auth_time IS NULL THEN 'indeterminate: the sign-in is not recorded'
      WHEN a.auth_time <= a.acted_at AND (array_has_any(a.amr, $phishing_resistant_amr) OR NOT array_has($phishing_resistant_tiers, a.tier)) THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM acts a
  LEFT JOIN shared s ON s.session = a.session
  WHERE a.acted_at >= $start AND a.acted_at < $end)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
