-- I02: Signatures verify
--
-- Population: in the period, entries that carry or must carry a signature, signed tree heads, and passkey signatures over reviews and
--   judgements.
-- Violation: no valid signature by a key or passkey that was enrolled for this purpose and active at that moment; a statement that is not
--   about the act it stands beside; an algorithm that is not allowed.
-- Indeterminate: the key or passkey was never enrolled in this log.
-- Parameter allowed_algorithms text[] = ["Ed25519","ES256","EdDSA"]: Algorithms of signatures; the keys of the log are Ed25519.
WITH signed AS (
  SELECT 'entry:' || right('000000000000' || e.seq, 12) AS item_id, e.id AS event_id, e.time AS as_of,
    CASE
      WHEN e.signature IS NULL OR e.key_id IS NULL THEN 'violation: an event of this kind must carry a signature'
      WHEN k.key IS NULL AND h.key IS NOT NULL THEN 'violation: the key was enrolled for tree heads, not for events'
      WHEN k.key IS NULL THEN 'indeterminate: the key was never enrolled'
      WHEN NOT array_has($allowed_algorithms, 'Ed25519') THEN 'violation: the algorithm is not allowed'
      WHEN NOT verify_signature(e.entry, e.signature, k.key) THEN 'violation: the signature does not verify'
      WHEN e.seq < k.from_seq THEN 'violation: signed before the key was enrolled'
      WHEN e.seq > k.to_seq THEN 'violation: signed after the key was ' || k.ended
      WHEN e.seq >= k.revoked_since_seq THEN 'violation: signed after the key was compromised'
      WHEN verify_signature(e.entry, e.signature, k.key) AND e.seq >= k.from_seq THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM events e
  LEFT JOIN keys k ON k.key_id = e.key_id AND k.purpose = 'node'
  LEFT JOIN keys h ON h.key_id = e.key_id AND h.purpose = 'log'
  WHERE e.time >= $start AND e.time < $end AND (is_signed_kind(e.kind) OR e.signature IS NOT NULL)),
heads AS (
  SELECT c.size, c.recorded_at, c.note, c.origin, l.origin AS log_origin
  FROM checkpoints c CROSS JOIN ledger l
  WHERE c.recorded_at >= $start AND c.recorded_at < $end),
vouched AS (
  SELECT h.size,
    bool_or(coalesce(verify_checkpoint(h.note, h.log_origin, k.key), false)
      AND k.from_seq < h.size AND h.size - 1 <= k.to_seq AND (k.revoked_since_seq IS NULL OR h.size - 1 < k.revoked_since_seq)) AS good
  FROM heads h CROSS JOIN keys k
  WHERE k.purpose = 'log'
  GROUP BY h.size),
noted AS (
  SELECT 'head:' || right('000000000000' || h.size, 12) AS item_id, e.id AS event_id, h.recorded_at AS as_of,
    CASE
      WHEN v.good IS NULL THEN 'indeterminate: no key for tree heads was ever enrolled'
      WHEN v.good THEN 'ok'
      ELSE 'violation: no key that was active then signed this tree head'
    END AS verdict
  FROM heads h
  LEFT JOIN vouched v ON v.size = h.size
  LEFT JOIN events e ON e.seq = h.size - 1),
acts AS (
  SELECT seq, time, id, request_id, kind, log, fields(entry, '
    reviewer text body.reviewer.principal, verdict text body.verdict, outcome text body.outcome, grant_id text body.grant_id,
    shown_digest text body.shown_digest, comment_digest text body.comment_digest, policy_digest text body.policy_digest,
    shown_at time body.shown_at, assurance text body.assurance, credential text body.assertion.credential,
    statement json body.statement, assertion json body.assertion,
    s_log text body.statement.log, s_request text body.statement.request_id, s_digest text body.statement.action_digest,
    s_verdict text body.statement.verdict, s_policy text body.statement.policy_digest, s_comment text body.statement.comment_digest,
    s_shown time body.statement.shown_at, s_reviewer text body.statement.reviewer, s_outcome text body.statement.outcome,
    s_grant text body.statement.grant_id') AS f
  FROM events
  WHERE kind IN ('review.recorded', 'breakglass.reviewed') AND time >= $start AND time < $end),
plain AS (
  SELECT seq, time, id, f['credential'] AS credential, f['reviewer'] AS reviewer, f['statement'] AS statement, f['assertion'] AS assertion,
    CASE kind WHEN 'review.recorded' THEN 'privyseal/review/v1' ELSE 'privyseal/breakglass-review/v1' END AS context,
    f['s_log'] = log AND f['s_request'] = request_id AND f['s_reviewer'] = f['reviewer'] AND
      CASE kind WHEN 'review.recorded' THEN f['s_verdict'] = f['verdict'] AND f['s_digest'] = f['shown_digest']
          AND f['s_policy'] = f['policy_digest'] AND f['s_comment'] = f['comment_digest'] AND f['s_shown'] = f['shown_at']
        ELSE f['s_outcome'] = f['outcome'] AND f['s_grant'] = f['grant_id'] END AS about_it
  FROM acts
  WHERE f['assertion'] IS NOT NULL OR f['assurance'] = 'passkey'),
passkeys AS (
  SELECT 'passkey:' || right('000000000000' || p.seq, 12) AS item_id, p.id AS event_id, p.time AS as_of,
    CASE
      WHEN p.assertion IS NULL OR p.statement IS NULL THEN 'violation: it says that a passkey signed, and there is no signature'
      WHEN c.credential IS NULL THEN 'indeterminate: the passkey was never enrolled'
      WHEN c.principal <> p.reviewer THEN 'violation: the passkey belongs to ' || c.principal
      WHEN p.seq < c.from_seq OR p.time >= c.valid_to THEN 'violation: the passkey was not in force then'
      WHEN NOT array_has($allowed_algorithms, json_text(c.public_key, 'alg')) THEN 'violation: the algorithm is not allowed'
      WHEN NOT coalesce(p.about_it, false) THEN 'violation: the signed statement is not about this act'
      WHEN NOT verify_passkey(p.context, p.statement, p.assertion, c.public_key) THEN 'violation: the passkey signature does not verify'
      WHEN verify_passkey(p.context, p.statement, p.assertion, c.public_key) AND c.principal = p.reviewer THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM plain p
  LEFT JOIN credentials c ON c.credential = p.credential),
judged AS (
  SELECT item_id, event_id, as_of, verdict FROM signed
  UNION ALL SELECT item_id, event_id, as_of, verdict FROM noted
  UNION ALL SELECT item_id, event_id, as_of, verdict FROM passkeys)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
