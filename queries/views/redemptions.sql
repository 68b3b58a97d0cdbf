-- redemptions: One use of a grant.
--
-- grant_id text: The grant.
-- request_id text: The request behind it.
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- redeemed_at timestamp: When it was used.
-- execution_id text: The run that it allowed.
-- use_number bigint: Which use, from 1.
-- nonce text: The nonce that was presented.
-- run_digest text: Digest of what was about to run.
SELECT f['grant_id'] AS grant_id, request_id, seq, id AS event_id, time AS redeemed_at,
  f['execution_id'] AS execution_id, f['use_number'] AS use_number, f['nonce'] AS nonce, f['run_digest'] AS run_digest
FROM (
  SELECT seq, id, time, request_id, fields(entry, '
    grant_id text body.grant_id, execution_id text body.execution_id, use_number int body.use_number, nonce text body.nonce,
    run_digest text body.run_digest') AS f
  FROM entries WHERE kind = 'grant.redeemed')
