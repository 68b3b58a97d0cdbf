-- D03: Quorum and role mix met
--
-- Population: requests approved by people in the period whose requirement asks for two persons or a group.
--   After an escalation it is the requirement of the escalation that counts.
-- Violation: fewer distinct persons than required; no alternative of the requirement is covered by the filled slots; a slot's person gave no
--   approving review with a role that fits; by the registry two slots belong to one person; tier high with fewer persons than the parameter.
-- Indeterminate: the policy was never published in this log; a reviewer without person.
-- Parameter high_tier_quorum integer = 2: Fewest distinct persons for tier high.
WITH pop AS (
  SELECT d.event_id, d.seq, d.decided_at, d.request_id, d.slots, d.slot_names, d.slot_persons, d.policy_digest,
    q.request_id AS known, q.tier,
    CASE WHEN q.escalated_seq < d.seq THEN q.escalated_requirement ELSE q.requirement END AS requirement,
    CASE WHEN q.escalated_seq < d.seq THEN q.escalated_persons_required ELSE q.persons_required END AS persons_required
  FROM decisions d
  LEFT JOIN requests q ON q.request_id = d.request_id
  WHERE d.decision = 'approved' AND d.mechanism = 'quorum' AND d.decided_at >= $start AND d.decided_at < $end
    AND (q.request_id IS NULL OR q.requirement IS NULL OR q.persons_required >= 2 OR contains(q.requirement, 'group:'))),
places AS (
  SELECT event_id, seq, request_id, json_text(place, 'slot') AS slot, json_text(place, 'person') AS person,
    json_text(place, 'principal') AS principal
  FROM (SELECT event_id, seq, request_id, unnest(json_list(slots)) AS place FROM pop)),
backed AS (
  SELECT s.event_id, s.slot, s.principal, bool_or(coalesce(
      (slot_fits(s.slot, v.reviewer, v.roles) OR coalesce(slot_fits(s.slot, v.reviewer, d.roles), false)) AND v.reviewer_person = s.person,
      false)) AS fits
  FROM places s
  LEFT JOIN reviews v ON v.request_id = s.request_id AND v.reviewer = s.principal AND v.verdict = 'approve' AND v.seq < s.seq
  LEFT JOIN delegations d ON d.delegation = v.delegation AND d.delegate = v.reviewer AND d.from_seq <= s.seq AND s.seq < d.to_seq
  GROUP BY s.event_id, s.slot, s.principal),
unbacked AS (SELECT event_id, count(CASE WHEN NOT fits THEN 1 END) AS places FROM backed GROUP BY event_id),
registry AS (
  SELECT s.event_id, count(*) AS filled, count(p.person) AS known, count(DISTINCT p.person) AS persons
  FROM places s
  LEFT JOIN persons p ON p.principal = s.principal AND p.from_seq <= s.seq AND s.seq < p.to_seq
  GROUP BY s.event_id),
judged AS (
  SELECT o.event_id AS item_id, o.event_id, o.decided_at AS as_of,
    CASE
      WHEN o.known IS NULL THEN 'violation: there is no such request'
      WHEN coalesce(array_length(array_distinct(o.slot_persons)), 0) < o.persons_required
        THEN 'violation: ' || coalesce(array_length(array_distinct(o.slot_persons)), 0) || ' persons where ' || o.persons_required || ' are required'
      WHEN NOT requirement_filled(o.requirement, o.slot_names) THEN 'violation: the filled slots do not cover ' || o.requirement
      WHEN u.places > 0 THEN 'violation: a slot is filled by someone without an approving review that fits it'
      WHEN r.known = r.filled AND r.persons < r.filled THEN 'violation: by the registry two slots belong to one person'
      WHEN o.tier = 'high' AND coalesce(array_length(array_distinct(o.slot_persons)), 0) < $high_tier_quorum
        THEN 'violation: tier high with fewer than ' || $high_tier_quorum || ' persons'
      WHEN o.policy_digest IS NULL OR p.digest IS NULL THEN 'indeterminate: the policy was never published here'
      WHEN coalesce(array_length(o.slot_persons), 0) <> coalesce(array_length(o.slot_names), 0) OR r.known IS NULL OR r.known < r.filled
        THEN 'indeterminate: nobody is known behind a reviewer'
      WHEN o.tier IS NULL OR o.persons_required IS NULL THEN 'indeterminate: what was required is not recorded'
      WHEN requirement_filled(o.requirement, o.slot_names) AND u.places = 0 THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop o
  LEFT JOIN unbacked u ON u.event_id = o.event_id
  LEFT JOIN registry r ON r.event_id = o.event_id
  LEFT JOIN (SELECT DISTINCT digest FROM policies) p ON p.digest = o.policy_digest)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
