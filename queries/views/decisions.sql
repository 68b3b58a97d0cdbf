-- decisions: How requests were decided: one row per approval or denial, by people, automatically, by policy or under break-glass.
--
-- request_id text: The request.
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- decided_at timestamp: When it was decided.
-- decision text: `approved` or `denied`.
-- mechanism text: `quorum`, `automatic` or `breakglass` for approvals, `review` or `policy` for denials.
-- persons bigint: Distinct persons in the slots of an approval; NULL for denials.
-- slots text: Which person filled which slot, as JSON; NULL for denials.
-- slot_names text[]: The filled slots, for example `group:sre`; a slot for two stands here twice; NULL for denials.
-- slot_persons text[]: The persons who filled them, in the same order; NULL for denials.
-- slot_principals text[]: With which accounts, in the same order; NULL for denials.
-- denied_by text[]: Persons who denied; empty when policy did; NULL for approvals.
-- action_digest text: Digest of the action that was approved; NULL for denials.
-- policy_digest text: Digest of the policy under which it was decided.
SELECT request_id, seq, id AS event_id, time AS decided_at,
  CASE kind WHEN 'request.approved' THEN 'approved' ELSE 'denied' END AS decision,
  f['mechanism'] AS mechanism, f['persons'] AS persons, f['slots'] AS slots, f['slot_names'] AS slot_names,
  f['slot_persons'] AS slot_persons, f['slot_principals'] AS slot_principals, f['denied_by'] AS denied_by,
  f['action_digest'] AS action_digest, f['policy_digest'] AS policy_digest
FROM (
  SELECT seq, id, time, kind, request_id, fields(entry, '
    mechanism text body.mechanism, persons int body.persons, slots json body.slots, slot_names list body.slots.*.slot,
    slot_persons list body.slots.*.person, slot_principals list body.slots.*.principal, denied_by list body.persons,
    action_digest text body.action_digest, policy_digest text body.policy_digest') AS f
  FROM entries WHERE kind IN ('request.approved', 'request.denied'))
