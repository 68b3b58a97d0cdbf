-- requests: One row per request for a privileged action, with what policy said and how it ended.
--
-- request_id text: The request.
-- seq bigint: Position of its `request.submitted`.
-- event_id text: Id of the event that submitted it.
-- requested_at timestamp: When it was submitted.
-- requester text: The account that asked.
-- requester_kind text: `human` or `agent`.
-- requester_person text: The person behind the requester then: their own, or the owner's; NULL when nobody is known.
-- requester_owner text: The owner's account, for agents; NULL for people, and for agents without one.
-- on_behalf_of text: The account it was asked for; NULL when for the requester.
-- on_behalf_of_person text: The person behind that account then; NULL when for the requester, or when nobody is known.
-- executor text: The account that runs it; NULL when the requester does.
-- audience text: The only system where it may run; NULL for any.
-- limits text: Limits on its grant that are part of what is asked, as JSON; NULL without any.
-- batch text: Names the batch that it came in; NULL when it came alone.
-- previous_request text: The request that it repeats or narrows; NULL for none.
-- narrowed_by text: The reviewer who made it out of that one by narrowing it; NULL when it was asked for.
-- channel text: The door it came through: `portal`, `api`, `cli`, `slack`, `teams` or `mcp`.
-- action text: The verb, from the action catalogue.
-- resource_type text: Type of the resource, for example `postgres`.
-- resource_id text: Id within the type, for example `orders/prod`.
-- parameters text: Parameters as JSON; a hidden value is {"#":"<commitment>"}.
-- inputs text: Resolved inputs as JSON, each with its digest.
-- action_digest text: Digest over action, resource, parameters and inputs: what was asked.
-- justification text: Why, in the requester's words; NULL when hidden.
-- justification_chars bigint: Its length in characters; known when it is hidden, too.
-- justification_repeats bigint: Earlier requests of the requester with the identical justification.
-- ticket text: Ticket reference; NULL when not given.
-- environment text: Environment as the server derived it; NULL when nothing says.
-- data_class text: Data classification as the server derived it, for example `confidential`; NULL when nothing says.
-- change_class text: Class of change, from the action catalogue.
-- reversibility text: `reversible`, `costly` or `irreversible`.
-- significant_change boolean: The requester's answer; NULL when not answered.
-- catalogue_digest text: Digest of the action catalogue in force.
-- authors text[]: Persons who wrote the inputs.
-- subjects text[]: Every person who is part of the request and can never review it.
-- chain text[]: Accounts above the requester that spawned it, nearest first.
-- chain_persons text[]: The persons behind those accounts, as far as known.
-- deceptive text[]: Characters in what is shown that deceive the eye; NULL when there are none.
-- outcome text: What policy answered: `route` when it may be asked, `refuse` when not.
-- risk bigint: Risk points, 0 to 100.
-- tier text: `low`, `medium` or `high`.
-- factors text: Rules that added risk, as JSON.
-- missing text[]: Facts that rules wanted and nobody could supply; NULL when none was missing.
-- policy_version bigint: Version of the policy that answered.
-- policy_digest text: Its digest.
-- rules text[]: Ids of the rules that decided the route or the refusal.
-- requirement text: Who must seal it, for example `2 of group:sre`; `none` when nobody.
-- persons_required bigint: Fewest distinct persons that satisfy the requirement.
-- human_required boolean: Whether a person has to decide.
-- escalated_at timestamp: When more people were asked because it waited too long; NULL when none were.
-- escalated_seq bigint: Position of the event that says so; NULL without.
-- escalated_requirement text: Who must seal it from then on; NULL without.
-- escalated_persons_required bigint: Fewest distinct persons that satisfy that; NULL without.
-- advice text: What an outside advisor said, as JSON; NULL when none was asked.
-- assurance text: How strongly reviewers must authenticate: `session` or `passkey`.
-- deny_threshold bigint: How many denials end it.
-- expires_at timestamp: When it expires undecided.
-- state text: `pending`, `approved`, `denied`, `expired` or `cancelled`.
-- ended_at timestamp: When it was decided or ended otherwise; NULL while pending.
-- ended_seq bigint: Position of the event that ended it; NULL while pending.
-- ended_event_id text: Id of the event that ended it; NULL while pending.
-- mechanism text: `automatic`, `quorum`, `breakglass`, `policy` or `review`; NULL unless approved or denied.
-- successor text: The narrower request that took its place; NULL without.
WITH asked AS (
  SELECT seq, id, time, request_id, actor_channel, fields(entry, '
    requester text body.requester.principal, requester_kind text body.requester.kind,
    requester_person text body.requester.person, requester_owner text body.requester.owner,
    on_behalf_of text body.on_behalf_of.principal, on_behalf_of_person text body.on_behalf_of.person,
    executor text body.executor.principal, audience text body.audience, limits json body.limits, batch text body.batch,
    previous_request text body.previous_request, narrowed_by text body.narrowed_by.principal,
    escalated_persons int body.assessment.escalation.persons_required, advice json body.assessment.advice,
    action text body.action, resource_type text body.resource.type, resource_id text body.resource.id,
    parameters json body.parameters, inputs json body.inputs, action_digest text body.action_digest,
    justification text body.justification, justification_chars int body.justification_chars,
    justification_repeats int body.justification_repeats, ticket text body.ticket, environment text body.environment,
    data_class text body.data_class, change_class text body.change_class, reversibility text body.reversibility,
    significant_change bool body.significant_change, catalogue_digest text body.catalogue_digest,
    authors list body.authors, subjects list body.subjects, chain list body.chain.*.principal, chain_persons list body.chain.*.person,
    deceptive list body.deceptive, outcome text body.assessment.outcome, risk int body.assessment.risk, tier text body.assessment.tier,
    factors json body.assessment.factors, missing list body.assessment.missing,
    policy_version int body.assessment.policy.version, policy_digest text body.assessment.policy.digest,
    rules list body.assessment.determining.*.rule, requirement text body.assessment.requirement,
    persons_required int body.assessment.persons_required, human_required bool body.assessment.human_required,
    assurance text body.assessment.assurance, deny_threshold int body.assessment.deny_threshold, expires_at time body.expires_at') AS f
  FROM entries WHERE kind = 'request.submitted'),
ends AS (
  SELECT f.request_id, e.seq, e.id, e.time, e.kind, e.mechanism, e.successor
  FROM (
    SELECT request_id, min(seq) AS seq
    FROM entries WHERE kind IN ('request.approved', 'request.denied', 'request.expired', 'request.withdrawn') GROUP BY request_id) f
  JOIN (
    SELECT seq, id, time, kind, json_text(entry, 'body', 'mechanism') AS mechanism, json_text(entry, 'body', 'successor') AS successor
    FROM entries WHERE kind IN ('request.approved', 'request.denied', 'request.expired', 'request.withdrawn')) e ON e.seq = f.seq),
escalations AS (
  SELECT *, row_number() OVER (PARTITION BY request_id ORDER BY seq) AS nth
  FROM (
    SELECT request_id, seq, time, json_text(entry, 'body', 'requirement') AS requirement
    FROM entries WHERE kind = 'request.escalated'))
SELECT
  a.request_id, a.seq, a.id AS event_id, a.time AS requested_at,
  a.f['requester'] AS requester, a.f['requester_kind'] AS requester_kind, a.f['requester_person'] AS requester_person,
  a.f['requester_owner'] AS requester_owner, a.f['on_behalf_of'] AS on_behalf_of, a.f['on_behalf_of_person'] AS on_behalf_of_person,
  a.f['executor'] AS executor, a.f['audience'] AS audience, a.f['limits'] AS limits, a.f['batch'] AS batch,
  a.f['previous_request'] AS previous_request, a.f['narrowed_by'] AS narrowed_by,
  a.actor_channel AS channel, a.f['action'] AS action, a.f['resource_type'] AS resource_type, a.f['resource_id'] AS resource_id,
  a.f['parameters'] AS parameters, a.f['inputs'] AS inputs, a.f['action_digest'] AS action_digest,
  a.f['justification'] AS justification, a.f['justification_chars'] AS justification_chars,
  a.f['justification_repeats'] AS justification_repeats, a.f['ticket'] AS ticket, a.f['environment'] AS environment,
  a.f['data_class'] AS data_class, a.f['change_class'] AS change_class, a.f['reversibility'] AS reversibility,
  a.f['significant_change'] AS significant_change, a.f['catalogue_digest'] AS catalogue_digest,
  a.f['authors'] AS authors, a.f['subjects'] AS subjects, a.f['chain'] AS chain, a.f['chain_persons'] AS chain_persons,
  a.f['deceptive'] AS deceptive, a.f['outcome'] AS outcome, a.f['risk'] AS risk, a.f['tier'] AS tier, a.f['factors'] AS factors,
  a.f['missing'] AS missing, a.f['policy_version'] AS policy_version, a.f['policy_digest'] AS policy_digest, a.f['rules'] AS rules,
  a.f['requirement'] AS requirement, a.f['persons_required'] AS persons_required, a.f['human_required'] AS human_required,
  x.time AS escalated_at, x.seq AS escalated_seq, x.requirement AS escalated_requirement,
  CASE WHEN x.requirement IS NOT NULL THEN a.f['escalated_persons'] END AS escalated_persons_required, a.f['advice'] AS advice,
  a.f['assurance'] AS assurance, a.f['deny_threshold'] AS deny_threshold, a.f['expires_at'] AS expires_at,
  CASE e.kind WHEN 'request.approved' THEN 'approved' WHEN 'request.denied' THEN 'denied' WHEN 'request.expired' THEN 'expired'
    WHEN 'request.withdrawn' THEN 'cancelled' ELSE 'pending' END AS state,
  e.time AS ended_at, e.seq AS ended_seq, e.id AS ended_event_id, e.mechanism, e.successor
FROM asked a
LEFT JOIN ends e ON e.request_id = a.request_id
LEFT JOIN escalations x ON x.request_id = a.request_id AND x.nth = 1
