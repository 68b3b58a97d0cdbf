-- Signing keys: enrolled, retired, revoked
-- Every key with its time and how many entries it signed, newest first. Entries signed by a key outside its time do not exist in a
-- sound log; `signed_outside` counts them all the same.
--
-- Column key_id text: The key's id, 8 hex digits.
-- Column purpose text: `log` for tree heads, `node` for events.
-- Column protection text: How the private half is kept; NULL for the first key.
-- Column custodian text: Who keeps it; NULL when nobody is named.
-- Column enrolled_at timestamp: From when it was active.
-- Column ended_at timestamp: Until when; NULL while it is active.
-- Column ended text: `retired` or `revoked`; NULL while it is active.
-- Column change_request text: The approved request behind it; NULL without one.
-- Column signed bigint: Entries that carry a signature by it; 0 for keys of heads.
-- Column signed_outside bigint: Of these, those that stand outside its time.
WITH signed AS (
  SELECT seq, key_id FROM events WHERE key_id IS NOT NULL)
SELECT k.key_id, k.purpose, max(k.protection) AS protection, max(k.custodian) AS custodian, max(k.valid_from) AS enrolled_at,
  max(CASE WHEN k.ended IS NULL THEN NULL ELSE k.valid_to END) AS ended_at, max(k.ended) AS ended, max(k.change_request) AS change_request,
  count(s.seq) AS signed, sum(CASE WHEN s.seq < k.from_seq OR s.seq > k.to_seq THEN 1 ELSE 0 END) AS signed_outside
FROM keys k
LEFT JOIN signed s ON s.key_id = k.key_id AND k.purpose = 'node'
GROUP BY k.key_id, k.purpose
ORDER BY enrolled_at DESC, k.key_id, k.purpose
