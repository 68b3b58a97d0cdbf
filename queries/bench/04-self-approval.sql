-- Approvals by a person who also asked, had it asked, or would run it
SELECT r.verdict, count(*) AS verdicts,
  count(CASE WHEN r.reviewer_person = q.requester_person THEN 1 END) AS by_the_requester,
  count(CASE WHEN array_has(q.subjects, r.reviewer_person) THEN 1 END) AS by_a_subject
FROM reviews r
JOIN requests q ON q.request_id = r.request_id
GROUP BY r.verdict
