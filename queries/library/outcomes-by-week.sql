-- Requests per week, by how they ended
-- Weeks begin on Monday, UTC. "Straight through" is what policy approved without a person; "refused" is what it refused without asking one.
SELECT date_trunc('week', requested_at) AS week, count(*) AS requests,
  sum(CASE WHEN mechanism = 'quorum' THEN 1 ELSE 0 END) AS approved_by_people,
  sum(CASE WHEN mechanism = 'automatic' THEN 1 ELSE 0 END) AS straight_through,
  sum(CASE WHEN mechanism = 'breakglass' THEN 1 ELSE 0 END) AS break_glass,
  sum(CASE WHEN mechanism = 'review' THEN 1 ELSE 0 END) AS denied_by_people,
  sum(CASE WHEN mechanism = 'policy' THEN 1 ELSE 0 END) AS refused_by_policy,
  sum(CASE WHEN state = 'expired' THEN 1 ELSE 0 END) AS expired,
  sum(CASE WHEN state = 'cancelled' THEN 1 ELSE 0 END) AS withdrawn,
  sum(CASE WHEN state = 'pending' THEN 1 ELSE 0 END) AS pending
FROM requests
GROUP BY date_trunc('week', requested_at)
ORDER BY week DESC
