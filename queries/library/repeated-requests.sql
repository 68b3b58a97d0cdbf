-- The very same request, again and again
-- One row per account and action digest: action, resource, parameters and inputs are identical. A person may have to do it every week;
-- then policy should say so. An agent that repeats itself is stuck in a loop, or waits for the approver who does not look.
--
-- Parameter start timestamp = null: First moment of the period; null for 90 days before the newest entry.
-- Parameter end timestamp = null: First moment after the period; null for the newest entry included.
-- Parameter at_least integer = 3: Leaves out what was asked fewer times.
--
-- Column requester text: The account that asked.
-- Column requester_kind text: `human` or `agent`.
-- Column action text: The verb.
-- Column resource text: Type and id of the resource.
-- Column parameters text: The parameters as JSON.
-- Column times bigint: How often it was asked in the period.
-- Column approved bigint: How often it was approved.
-- Column denied bigint: How often it was denied.
-- Column first_at timestamp: When it was first asked.
-- Column last_at timestamp: When it was last asked.
-- Column action_digest text: Its digest.
WITH period AS (
  SELECT coalesce(utc($start), last_at - INTERVAL '90 days') AS starts, coalesce(utc($end), last_at + seconds(1)) AS ends FROM ledger)
SELECT requester, max(requester_kind) AS requester_kind, max(action) AS action, max(resource_type || '/' || resource_id) AS resource,
  max(parameters) AS parameters, count(*) AS times,
  sum(CASE WHEN state = 'approved' THEN 1 ELSE 0 END) AS approved, sum(CASE WHEN state = 'denied' THEN 1 ELSE 0 END) AS denied,
  min(requested_at) AS first_at, max(requested_at) AS last_at, action_digest
FROM requests
CROSS JOIN period
WHERE requested_at >= starts AND requested_at < ends
GROUP BY requester, action_digest
HAVING count(*) >= $at_least
ORDER BY times DESC, last_at DESC, requester, action_digest
