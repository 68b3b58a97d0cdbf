-- Open exceptions, and how old they are
-- Violations that control tests found and nobody has closed, oldest first, with what management said and by when it is to be mended.
--
-- Parameter days integer = 0: Leaves out exceptions that are open for fewer days.
--
-- Column exception text: Names the exception.
-- Column assertion text: The control test that found it.
-- Column raised_at timestamp: When it was raised.
-- Column open_days bigint: Whole days since then, up to the newest entry of the log.
-- Column items bigint: Items in violation.
-- Column owner text: Who answers for it; NULL when nobody has answered.
-- Column response text: What management does about it; NULL when hidden, or when nobody has answered.
-- Column due_at timestamp: By when; NULL when nothing is said.
-- Column overdue boolean: Whether that is past; NULL when nothing is said.
-- Column answers bigint: How many answers were given.
SELECT x.exception, x.assertion, x.raised_at,
  CAST(date_part('epoch', l.last_at) - date_part('epoch', x.raised_at) AS BIGINT) / 86400 AS open_days,
  CAST(cardinality(x.items) AS BIGINT) AS items, x.owner, x.response, x.due_at, x.due_at < l.last_at AS overdue, x.answers
FROM exceptions x
CROSS JOIN ledger l
WHERE x.status = 'open' AND l.last_at >= x.raised_at + seconds($days * 86400)
ORDER BY x.raised_at, x.seq
