-- sessions: Sign-ins of people, one row per session. A log in which a session begins twice is refused.
--
-- session text: Id of the session.
-- principal text: The account that signed in.
-- method text: How they signed in: `passkey`, `link`, `oidc` or `local`.
-- amr text[]: Authentication method references (RFC 8176).
-- credential text: With which credential; NULL when none was used.
-- end_reason text: `signed_out`, `expired`, `ended_by_admin`; NULL when no end was recorded.
-- valid_from timestamp: When it began.
-- valid_to timestamp: When it ended, or by when it must end, exclusive.
-- from_seq bigint: Position of the event that began it.
-- to_seq bigint: Position of the event that ended it; 9007199254740991 when none did, even if its time is over.
-- event_id text: Id of the event that began it.
WITH started AS (
  SELECT *, f['session'] AS session FROM (SELECT seq, time, id, fields(entry, '
    session text body.session, principal text body.principal, method text body.method, amr list body.amr, credential text body.credential,
    expires_at time body.expires_at') AS f
  FROM entries WHERE kind = 'session.started')),
ended AS (
  SELECT json_text(entry, 'body', 'session') AS session, json_text(entry, 'body', 'reason') AS reason, seq, time,
    row_number() OVER (PARTITION BY json_text(entry, 'body', 'session') ORDER BY seq) AS nth
  FROM entries WHERE kind = 'session.ended')
SELECT s.session, s.f['principal'] AS principal, s.f['method'] AS method, s.f['amr'] AS amr,
  s.f['credential'] AS credential, e.reason AS end_reason, s.time AS valid_from,
  greatest(s.time, least(s.f['expires_at'], coalesce(e.time, s.f['expires_at']))) AS valid_to,
  s.seq AS from_seq, coalesce(e.seq, 9007199254740991) AS to_seq, s.id AS event_id
FROM (SELECT *, lag(9007199254740991) OVER (PARTITION BY session ORDER BY seq) AS before FROM started) s
LEFT JOIN ended e ON e.session = s.session AND e.nth = 1
WHERE never_overlaps('sessions', s.session, s.seq, s.before)
