-- Policies: who changed them, who approved that, how long they held
-- Every version of the policy, newest first. An author among the approvers is marked, and so is a version that came without a request.
--
-- Column version bigint: Counts published versions from 1.
-- Column published_at timestamp: When it took force.
-- Column until timestamp: When the next one did; NULL while it is in force.
-- Column days_in_force bigint: Whole days between, up to the newest entry of the log.
-- Column author text: Who wrote it.
-- Column approved_by text: Who approved it, between commas; empty for the first policy of a log.
-- Column author_approved boolean: Whether the author is among the approvers.
-- Column published_by text: Who put it in force.
-- Column change_request text: The approved request behind it; NULL without one.
-- Column note text: What changed and why.
-- Column requests bigint: Requests that it answered.
-- Column digest text: Digest over its files.
WITH answered AS (
  SELECT policy_digest, count(*) AS requests FROM requests GROUP BY policy_digest)
SELECT p.version, p.valid_from AS published_at, CASE WHEN p.to_seq = 9007199254740991 THEN NULL ELSE p.valid_to END AS until,
  CAST(date_part('epoch', least(p.valid_to, l.last_at)) - date_part('epoch', p.valid_from) AS BIGINT) / 86400 AS days_in_force,
  p.author, array_to_string(p.approved_by, ', ') AS approved_by, array_has(p.approved_by, p.author) AS author_approved, p.published_by,
  p.change_request, p.note, coalesce(a.requests, 0) AS requests, p.digest
FROM policies p
CROSS JOIN ledger l
LEFT JOIN answered a ON a.policy_digest = p.digest
ORDER BY p.from_seq DESC
