-- Requests whose justification says some words
SELECT requester, count(*) AS requests, min(requested_at) AS first_at, max(requested_at) AS last_at
FROM requests
WHERE justification ILIKE '%backed up%release notes%'
GROUP BY requester
