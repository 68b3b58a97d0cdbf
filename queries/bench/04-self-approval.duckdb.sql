WITH r AS (
  SELECT request_id, f[1] AS verdict, f[2] AS person
  FROM (
    SELECT request_id, json_extract_string(decode(entry), ['$.body.verdict', '$.body.reviewer.person']) AS f
    FROM entries WHERE kind = 'review.recorded')),
q AS (
  SELECT request_id, f[1] AS person, f[2]::VARCHAR[] AS subjects
  FROM (
    SELECT request_id, json_extract_string(decode(entry), ['$.body.requester.person', '$.body.subjects']) AS f
    FROM entries WHERE kind = 'request.submitted'))
SELECT r.verdict, count(*) AS verdicts, count(*) FILTER (r.person = q.person) AS by_the_requester,
  count(*) FILTER (list_contains(q.subjects, r.person)) AS by_a_subject
FROM r JOIN q USING (request_id)
GROUP BY r.verdict
