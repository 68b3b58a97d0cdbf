-- How the answers of policy drift, by action
-- For each action and environment, what each policy version answered beside the version before: how much ran without a person, how many
-- people had to seal it, how risky it was found. A control that loosens step by step shows here; compare the columns that begin with
-- `before`.
--
-- Column action text: The verb.
-- Column environment text: Environment as the server derived it; NULL when nothing says.
-- Column version bigint: The policy version.
-- Column requests bigint: Requests that it answered.
-- Column without_person_percent bigint: Share that needed no person, rounded down.
-- Column before_without_person_percent bigint: The same under the version before that was asked; NULL for the first.
-- Column mean_persons double: People required on average, to two places.
-- Column before_mean_persons double: The same under the version before; NULL for the first.
-- Column mean_risk bigint: Risk points on average, rounded down.
-- Column before_mean_risk bigint: The same under the version before; NULL for the first.
-- Column refused bigint: Requests that it refused without asking.
WITH answered AS (
  SELECT action, environment, policy_version AS version, count(*) AS requests,
    100 * sum(CASE WHEN human_required THEN 0 ELSE 1 END) / count(*) AS without_person_percent,
    round(avg(persons_required) * 100) / 100 AS mean_persons, CAST(floor(avg(risk)) AS BIGINT) AS mean_risk,
    sum(CASE WHEN outcome = 'refuse' THEN 1 ELSE 0 END) AS refused
  FROM requests
  GROUP BY action, environment, policy_version)
SELECT action, environment, version, requests, without_person_percent,
  lag(without_person_percent) OVER (PARTITION BY action, environment ORDER BY version) AS before_without_person_percent, mean_persons,
  lag(mean_persons) OVER (PARTITION BY action, environment ORDER BY version) AS before_mean_persons, mean_risk,
  lag(mean_risk) OVER (PARTITION BY action, environment ORDER BY version) AS before_mean_risk, refused
FROM answered
ORDER BY action, environment, version
