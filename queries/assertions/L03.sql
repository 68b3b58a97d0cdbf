-- L03: Unique, attributable identity
--
-- Population: accounts that acted in the period, without the system itself.
-- Violation: a credential of theirs was also used by another account, or belongs to another, or was never enrolled; an agent without a human
--   owner who is enabled; a human account without a person, or with another person than before; the kind that acted is not the registered one.
-- Indeterminate: the account was not registered before it acted.
WITH acts AS (
  SELECT actor_id, actor_kind, credential, seq, id, time FROM events WHERE actor_kind <> 'system'),
pop AS (
  SELECT actor_id, min(seq) AS first_seq, max(seq) AS last_seq, min(actor_kind) AS kind, max(actor_kind) AS other_kind
  FROM acts WHERE time >= $start AND time < $end GROUP BY actor_id),
users AS (SELECT credential, count(DISTINCT actor_id) AS accounts FROM acts WHERE credential IS NOT NULL GROUP BY credential),
used AS (SELECT DISTINCT actor_id, credential FROM acts WHERE credential IS NOT NULL AND time >= $start AND time < $end),
doubtful AS (
  SELECT u.actor_id, max(n.accounts) AS accounts, count(CASE WHEN c.principal <> u.actor_id THEN 1 END) AS foreign_ones,
    count(CASE WHEN c.credential IS NULL THEN 1 END) AS unknown_ones
  FROM used u
  JOIN users n ON n.credential = u.credential
  LEFT JOIN credentials c ON c.credential = u.credential
  GROUP BY u.actor_id),
history AS (SELECT principal, min(from_seq) AS first_seq, count(DISTINCT person) AS persons FROM principals GROUP BY principal),
judged AS (
  SELECT p.actor_id AS item_id, e.id AS event_id, e.time AS as_of,
    CASE
      WHEN d.accounts > 1 THEN 'violation: a credential was used by several accounts'
      WHEN d.foreign_ones > 0 THEN 'violation: it acted with a credential of another account'
      WHEN d.unknown_ones > 0 THEN 'violation: it acted with a credential that was never enrolled'
      WHEN h.first_seq IS NULL OR h.first_seq > p.first_seq THEN 'indeterminate: it was not registered before it acted'
      WHEN r.kind <> p.kind OR r.kind <> p.other_kind THEN 'violation: it acted as another kind than it is registered as'
      WHEN r.kind = 'human' AND r.person IS NULL THEN 'violation: no person stands behind the account'
      WHEN r.kind = 'human' AND h.persons > 1 THEN 'violation: the account was handed from one person to another'
      WHEN r.kind <> 'human' AND r.owner IS NULL THEN 'violation: the agent has no owner'
      WHEN r.kind <> 'human' AND o.principal IS NULL THEN 'violation: the owner of the agent is not registered'
      WHEN r.kind <> 'human' AND (o.kind <> 'human' OR NOT o.enabled) THEN 'violation: the owner of the agent is disabled or not a person'
      WHEN r.kind = 'human' AND h.persons = 1 THEN 'ok'
      WHEN r.kind <> 'human' AND o.enabled AND o.kind = 'human' THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pop p
  JOIN events e ON e.seq = p.last_seq
  LEFT JOIN doubtful d ON d.actor_id = p.actor_id
  LEFT JOIN history h ON h.principal = p.actor_id
  LEFT JOIN principals r ON r.principal = p.actor_id AND r.from_seq <= p.last_seq AND p.last_seq < r.to_seq
  LEFT JOIN principals o ON o.principal = r.owner AND o.from_seq <= p.last_seq AND p.last_seq < o.to_seq)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
