-- events: Everything that happened: one row per entry of the log, sealed or not.
--
-- seq bigint: Position in the log, from 0 without gaps.
-- time timestamp: When it was recorded; never decreases with `seq`.
-- id text: Unique name of the event.
-- kind text: What happened, for example `review.recorded`.
-- actor_id text: The account that acted; `system` for Privyseal itself.
-- actor_kind text: `human`, `agent` or `system`.
-- actor_channel text: The door: `portal`, `api`, `cli`, `slack`, `teams`, `mcp`, `engine`, `postgres` or `flight`.
-- request_id text: The request concerned; NULL when none is.
-- v bigint: Version of the event schema.
-- log text: Origin of the log.
-- prev text: Leaf hash of the entry before, base64url; NULL only at `seq` 0.
-- auth_method text: How the actor was proven: `passkey`, `link`, `oidc`, `api_key`, `local` or `engine`.
-- auth_time timestamp: When the person last proved who they are; NULL for machines.
-- amr text[]: Authentication method references (RFC 8176); empty for machines.
-- session text: The session; NULL without one.
-- credential text: The credential used; NULL without one.
-- body text: What the kind says about it, as JSON; docs/EVENTS.md has every member.
-- leaf bytes: RFC 6962 leaf hash of `entry`.
-- signature bytes: Signature over the leaf, on decision-class kinds; NULL on the others.
-- key_id text: The key of that signature; NULL without one.
-- entry bytes: The signed bytes: canonical JSON, kept verbatim.
SELECT
  seq, time, id, kind, actor_id, actor_kind, actor_channel, request_id,
  f['v'] AS v, f['log'] AS log, f['prev'] AS prev,
  f['auth_method'] AS auth_method, f['auth_time'] AS auth_time, f['amr'] AS amr, f['session'] AS session, f['credential'] AS credential,
  f['body'] AS body,
  leaf, signature, key_id, entry
FROM (
  SELECT *, fields(entry, 'v int, log text, prev text, body json,
    auth_method text actor.auth.method, auth_time time actor.auth.auth_time, amr list actor.auth.amr,
    session text actor.auth.session, credential text actor.auth.credential') AS f
  FROM entries)
