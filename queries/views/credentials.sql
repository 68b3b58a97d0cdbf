-- credentials: Ways to sign in, with the time in which each counted. The first enrolment counts.
--
-- credential text: Its id; for passkeys the WebAuthn credential id, base64url.
-- principal text: The account that it signs in.
-- label text: Name for people.
-- type text: `passkey`, `api_key` or `link`.
-- public_key text: The public part as JSON; for keys and links the SHA-256 of the secret.
-- environment text: The only environment it may act in; NULL when it is not bound to one.
-- valid_from timestamp: From when it counted.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it counts.
-- from_seq bigint: Position of the event that enrolled it.
-- to_seq bigint: Position of the event that revoked it; 9007199254740991 when none did, even if it expired.
-- revoked_reason text: Why it was revoked; NULL when it was not.
-- event_id text: Id of the event that enrolled it.
WITH enrolled AS (
  SELECT *, f['credential'] AS credential, row_number() OVER (PARTITION BY f['credential'] ORDER BY seq) AS nth FROM (SELECT seq, time, id, fields(entry, '
    credential text body.credential, principal text body.principal, label text body.label, type text body.key.type,
    public_key json body.key, environment text body.environment, expires_at time body.expires_at') AS f
  FROM entries WHERE kind = 'credential.enrolled')),
revoked AS (
  SELECT f['credential'] AS credential, f['reason'] AS reason, f['effective_at'] AS effective_at, seq,
    row_number() OVER (PARTITION BY f['credential'] ORDER BY seq) AS nth
  FROM (
    SELECT seq, fields(entry, 'credential text body.credential, reason text body.reason, effective_at time body.effective_at') AS f
    FROM entries WHERE kind = 'credential.revoked'))
SELECT e.credential, e.f['principal'] AS principal, e.f['label'] AS label, e.f['type'] AS type,
  e.f['public_key'] AS public_key, e.f['environment'] AS environment, e.time AS valid_from,
  greatest(e.time, least(coalesce(e.f['expires_at'], utc('9999-12-31T23:59:59.999999Z')),
    coalesce(r.effective_at, utc('9999-12-31T23:59:59.999999Z')))) AS valid_to,
  e.seq AS from_seq, coalesce(r.seq, 9007199254740991) AS to_seq, r.reason AS revoked_reason, e.id AS event_id
FROM enrolled e
LEFT JOIN revoked r ON r.credential = e.credential AND r.nth = 1
WHERE e.nth = 1
