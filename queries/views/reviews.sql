-- reviews: One verdict of one person on a request.
--
-- request_id text: The request.
-- seq bigint: Position of the event.
-- event_id text: Id of the event.
-- decided_at timestamp: When the verdict was given.
-- verdict text: `approve` or `deny`.
-- reviewer text: The account that reviewed.
-- reviewer_kind text: Recorded kind of the account; anything but `human` is a violation.
-- reviewer_person text: The person behind the account then; NULL when nobody is known.
-- roles text[]: Roles and groups that the reviewer held then.
-- comment text: The comment; NULL when none was given or it is hidden.
-- comment_digest text: SHA-256 of the comment; of the empty text when there is none.
-- shown_digest text: Digest of the action that was shown: the second of the three (asked, shown, run).
-- shown_at timestamp: When it was shown.
-- display_ms bigint: Milliseconds from shown to decided.
-- policy_digest text: Digest of the policy under which it was shown.
-- assurance text: `passkey` when a passkey signed this very decision, otherwise `session`.
-- delegation text: The delegation used; NULL when the reviewer decided for themselves.
-- in_place_of text: The delegator's account then; NULL without a delegation.
-- in_place_of_person text: The person behind that account then; NULL without a delegation.
-- channel text: The door: `portal`, `api`, `cli`, `slack` or `teams`.
-- auth_method text: How the reviewer was signed in, as in `events`.
-- amr text[]: Authentication method references of that sign-in.
-- auth_time timestamp: When the reviewer last proved who they are; NULL when not recorded.
-- session text: The reviewer's session; NULL without one.
-- statement text: What the passkey signed, as JSON; NULL without a passkey.
-- assertion text: The passkey's signature, as JSON; NULL without a passkey.
-- credential text: Id of the passkey that signed; NULL without a passkey.
SELECT request_id, seq, id AS event_id, time AS decided_at,
  f['verdict'] AS verdict, f['reviewer'] AS reviewer, f['reviewer_kind'] AS reviewer_kind, f['reviewer_person'] AS reviewer_person,
  f['roles'] AS roles, f['comment'] AS comment, f['comment_digest'] AS comment_digest, f['shown_digest'] AS shown_digest,
  f['shown_at'] AS shown_at, f['display_ms'] AS display_ms, f['policy_digest'] AS policy_digest, f['assurance'] AS assurance,
  f['delegation'] AS delegation, f['in_place_of'] AS in_place_of, f['in_place_of_person'] AS in_place_of_person, actor_channel AS channel, f['auth_method'] AS auth_method, f['amr'] AS amr,
  f['auth_time'] AS auth_time, f['session'] AS session, f['statement'] AS statement, f['assertion'] AS assertion,
  f['credential'] AS credential
FROM (
  SELECT seq, id, time, request_id, actor_channel, fields(entry, '
    verdict text body.verdict, reviewer text body.reviewer.principal, reviewer_kind text body.reviewer.kind,
    reviewer_person text body.reviewer.person, roles list body.roles, comment text body.comment, comment_digest text body.comment_digest,
    shown_digest text body.shown_digest, shown_at time body.shown_at, display_ms int body.display_ms, policy_digest text body.policy_digest,
    assurance text body.assurance, delegation text body.delegation, in_place_of text body.in_place_of.principal,
    in_place_of_person text body.in_place_of.person, auth_method text actor.auth.method, amr list actor.auth.amr,
    auth_time time actor.auth.auth_time, session text actor.auth.session, statement json body.statement, assertion json body.assertion,
    credential text body.assertion.credential') AS f
  FROM entries WHERE kind = 'review.recorded')
