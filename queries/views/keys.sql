-- keys: Signing keys, one row per key and purpose, with the time in which each was active. The first enrolment counts.
--
-- key_id text: The key's id, 8 hex digits.
-- purpose text: `log` for tree heads, `node` for events. The first key of a log has two rows.
-- key text: Verifier-key text: name, id and public key, as `verify_signature` takes it.
-- protection text: How the private half is kept; NULL for the first key.
-- attestation text: Digest of the key store's statement; NULL without one.
-- custodian text: Who keeps it; NULL when nobody is named.
-- change_request text: The approved request behind it; NULL without one.
-- ended text: `retired`, `revoked`, or NULL while it is active.
-- revoked_since_seq bigint: First entry whose signature by this key is worth nothing; NULL when it was not compromised.
-- valid_from timestamp: From when it was active.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it is.
-- from_seq bigint: Position of the event that enrolled it.
-- to_seq bigint: Position of the event that ended it; 9007199254740991 while it is active.
-- event_id text: Id of the event that enrolled it.
WITH enrolled AS (
  SELECT seq, time, id, json_text(entry, 'body', 'purpose') AS purpose, entry FROM entries WHERE kind = 'key.enrolled'
  UNION ALL SELECT seq, time, id, 'log' AS purpose, entry FROM entries WHERE kind = 'ledger.opened'
  UNION ALL SELECT seq, time, id, 'node' AS purpose, entry FROM entries WHERE kind = 'ledger.opened'),
read AS (
  SELECT *, f['key'] AS key, split_part(f['key'], '+', 2) AS key_id,
    row_number() OVER (PARTITION BY split_part(f['key'], '+', 2), purpose ORDER BY seq) AS nth
  FROM (SELECT seq, time, id, purpose, fields(entry, '
    key text body.key, protection text body.protection, attestation text body.attestation, custodian text body.custodian,
    change_request text body.change_request') AS f
  FROM enrolled)),
ended AS (
  SELECT key_id, kind, seq, time, since, row_number() OVER (PARTITION BY key_id ORDER BY seq) AS nth, min(since) OVER (PARTITION BY key_id) AS worst
  FROM (
    SELECT json_text(entry, 'body', 'key_id') AS key_id, kind, seq, time, json_int(entry, 'body', 'since_seq') AS since
    FROM entries WHERE kind IN ('key.retired', 'key.revoked')))
SELECT r.key_id, r.purpose, r.key, r.f['protection'] AS protection,
  r.f['attestation'] AS attestation, r.f['custodian'] AS custodian, r.f['change_request'] AS change_request,
  CASE e.kind WHEN 'key.retired' THEN 'retired' WHEN 'key.revoked' THEN 'revoked' END AS ended, e.worst AS revoked_since_seq,
  r.time AS valid_from, coalesce(e.time, utc('9999-12-31T23:59:59.999999Z')) AS valid_to,
  r.seq AS from_seq, coalesce(e.seq, 9007199254740991) AS to_seq, r.id AS event_id
FROM read r
LEFT JOIN ended e ON e.key_id = r.key_id AND e.nth = 1
WHERE r.nth = 1
