-- persons: The natural person behind each account over time: their own for people, the owner's for agents.
--
-- principal text: The account.
-- person text: The natural person, by the id that all their accounts share.
-- through text: `own` for people; for agents the owner's account.
-- valid_from timestamp: From when it holds.
-- valid_to timestamp: Until when, exclusive; 9999-12-31T23:59:59.999999Z while it holds.
-- from_seq bigint: Position of the event from which it holds.
-- to_seq bigint: Position of the event that ended it; 9007199254740991 while it holds.
SELECT principal, person, 'own' AS through, valid_from, valid_to, from_seq, to_seq
FROM principals WHERE kind = 'human' AND person IS NOT NULL
UNION ALL
SELECT a.principal, o.person, a.owner AS through,
  greatest(a.valid_from, o.valid_from) AS valid_from, least(a.valid_to, o.valid_to) AS valid_to,
  greatest(a.from_seq, o.from_seq) AS from_seq, least(a.to_seq, o.to_seq) AS to_seq
FROM principals a
JOIN principals o ON o.principal = a.owner AND o.from_seq < a.to_seq AND a.from_seq < o.to_seq
WHERE a.kind <> 'human' AND o.person IS NOT NULL
