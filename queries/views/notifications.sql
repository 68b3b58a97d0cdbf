-- notifications: Who was told of what: one row per recipient.
--
-- seq bigint: Position of the event; one event has a row for each recipient.
-- event_id text: Id of the event; the same for all its recipients.
-- notified_at timestamp: When it was delivered.
-- about text: Id of the event that it tells of.
-- via text: How, for example `portal` or `smtp`.
-- recipient text: The account that was told.
SELECT seq, id AS event_id, time AS notified_at, f['about'] AS about, f['via'] AS via, recipient
FROM (
  SELECT *, unnest(f['recipients']) AS recipient
  FROM (
    SELECT seq, id, time, fields(entry, 'about text body.about, via text body.via, recipients list body.recipients') AS f
    FROM entries WHERE kind = 'notification.delivered'))
