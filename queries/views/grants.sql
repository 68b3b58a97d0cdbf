-- grants: One right to run one approved action.
--
-- grant_id text: The grant.
-- request_id text: The request behind it.
-- seq bigint: Position of its `grant.issued`.
-- event_id text: Id of the event that issued it.
-- issued_at timestamp: When it was issued.
-- mechanism text: `quorum`, `automatic` or `breakglass`.
-- action text: The verb.
-- resource_type text: Type of the resource.
-- resource_id text: Id within the type.
-- environment text: Environment as derived when it was asked; NULL when nothing says.
-- action_digest text: Digest of the one action that may run.
-- subject text: The only account that may redeem it: the executor.
-- scope text: Grammar of the scope; `exact/1` means this digest and nothing else.
-- not_before timestamp: First moment at which it may be redeemed.
-- expires_at timestamp: First moment at which it may not.
-- max_uses bigint: How often it may be redeemed.
-- audience text: The only system that may redeem it; NULL for any.
-- run_seconds bigint: Seconds a run may take before its outcome counts as unknown; NULL when nothing says.
-- nonce text: Random, unique over the log.
-- uses bigint: How often it was redeemed.
-- first_used_at timestamp: When it was first redeemed; NULL when never.
-- revoked_at timestamp: When it was taken back; NULL when it was not.
-- revoked_seq bigint: Position of the event that took it back; NULL when none did.
-- expired_at timestamp: When its end was recorded unused; NULL when it was not.
-- state text: `revoked`, `used` when no use is left, `expired` once its end was recorded, or `unused`; a grant past `expires_at` is
--   `unused` until that is recorded.
WITH issued AS (
  SELECT *, f['grant_id'] AS grant_id FROM (SELECT seq, id, time, request_id, fields(entry, '
    grant_id text body.grant_id, mechanism text body.mechanism, action text body.action, resource_type text body.resource.type,
    resource_id text body.resource.id, environment text body.environment, action_digest text body.action_digest,
    subject text body.subject, scope text body.scope, not_before time body.not_before, expires_at time body.expires_at,
    max_uses int body.max_uses, nonce text body.nonce, audience text body.audience, run_seconds int body.run_seconds') AS f
  FROM entries WHERE kind = 'grant.issued')),
used AS (
  SELECT grant_id, count(*) AS uses, min(redeemed_at) AS first_used_at FROM redemptions GROUP BY grant_id),
ended AS (
  SELECT json_text(entry, 'body', 'grant_id') AS grant_id,
    min(CASE WHEN kind = 'grant.revoked' THEN time END) AS revoked_at,
    min(CASE WHEN kind = 'grant.revoked' THEN seq END) AS revoked_seq,
    min(CASE WHEN kind = 'grant.expired' THEN time END) AS expired_at
  FROM entries WHERE kind IN ('grant.revoked', 'grant.expired')
  GROUP BY json_text(entry, 'body', 'grant_id'))
SELECT i.grant_id, i.request_id, i.seq, i.id AS event_id, i.time AS issued_at, i.f['mechanism'] AS mechanism,
  i.f['action'] AS action, i.f['resource_type'] AS resource_type, i.f['resource_id'] AS resource_id,
  i.f['environment'] AS environment, i.f['action_digest'] AS action_digest, i.f['subject'] AS subject, i.f['scope'] AS scope,
  i.f['not_before'] AS not_before, i.f['expires_at'] AS expires_at, i.f['max_uses'] AS max_uses, i.f['audience'] AS audience,
  i.f['run_seconds'] AS run_seconds, i.f['nonce'] AS nonce,
  coalesce(u.uses, 0) AS uses, u.first_used_at, e.revoked_at, e.revoked_seq, e.expired_at,
  CASE WHEN e.revoked_at IS NOT NULL THEN 'revoked' WHEN coalesce(u.uses, 0) >= i.f['max_uses'] THEN 'used'
    WHEN e.expired_at IS NOT NULL THEN 'expired' ELSE 'unused' END AS state
FROM issued i
LEFT JOIN used u ON u.grant_id = i.grant_id
LEFT JOIN ended e ON e.grant_id = i.grant_id
