-- principals: Accounts over time: one row for each stretch in which an account's record and its being enabled did not change.
--
-- principal text: The account.
-- kind text: `human` or `agent`.
-- name text: Name for people; NULL when hidden.
-- email text: Mail address; NULL when not known or hidden.
-- person text: The natural person behind a human account; NULL for agents.
-- owner text: The human account that answers for an agent; NULL for people, and for agents without one.
-- parent text: The account that spawned this agent; NULL when none did.
-- model text: Model or program of an agent; NULL when not recorded.
-- model_version text: Version of that model or program; NULL when not recorded.
-- tools text[]: Tools an agent may use; NULL when not recorded.
-- intended_use text[]: Actions an agent is meant for, as dotted prefixes; NULL when not recorded.
-- impact_assessed_at timestamp: When its impact was last assessed; NULL when never.
-- enabled boolean: Whether it had its rights; false while it was disabled.
-- valid_from timestamp: From when this row holds.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it holds.
-- from_seq bigint: Position of the event from which it holds.
-- to_seq bigint: Position of the event that ended it; 9007199254740991 while it holds.
-- event_id text: Id of the event from which it holds.
WITH steps AS (
  SELECT seq, time, id, json_text(entry, 'body', 'principal') AS principal,
    CASE WHEN kind IN ('principal.registered', 'principal.changed') THEN json_value(entry, 'body') END AS record,
    CASE kind WHEN 'principal.disabled' THEN false WHEN 'principal.enabled' THEN true WHEN 'principal.registered' THEN true END AS enabled
  FROM entries WHERE kind IN ('principal.registered', 'principal.changed', 'principal.disabled', 'principal.enabled')),
carried AS (
  SELECT seq, time, id, principal,
    last_value(record) IGNORE NULLS OVER (PARTITION BY principal ORDER BY seq) AS record,
    last_value(enabled) IGNORE NULLS OVER (PARTITION BY principal ORDER BY seq) AS enabled,
    lead(time) OVER (PARTITION BY principal ORDER BY seq) AS next_time,
    lead(seq) OVER (PARTITION BY principal ORDER BY seq) AS next_seq
  FROM steps),
read AS (
  SELECT *, fields(record, '
    kind text kind, name text name, email text email, person text person, owner text owner,
    parent text parent, model text agent.model, model_version text agent.version, tools list agent.tools,
    intended_use list agent.intended_use, impact_assessed_at time agent.impact_assessed_at') AS f
  FROM carried)
SELECT principal, f['kind'] AS kind, f['name'] AS name, f['email'] AS email, f['person'] AS person, f['owner'] AS owner,
  f['parent'] AS parent, f['model'] AS model, f['model_version'] AS model_version, f['tools'] AS tools,
  f['intended_use'] AS intended_use, f['impact_assessed_at'] AS impact_assessed_at, enabled,
  time AS valid_from, coalesce(next_time, utc('9999-12-31T23:59:59.999999Z')) AS valid_to,
  seq AS from_seq, coalesce(next_seq, 9007199254740991) AS to_seq, id AS event_id
FROM read
