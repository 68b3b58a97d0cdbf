-- I04: Population complete and accurate
--
-- Population: (source, UTC day) pairs of the period, for days that are over; a source's days begin with its first sign. Segments sealed
--   in the period.
-- Violation: the nodes together counted another number of entries for the day than the log has; a feed counted another number of facts
--   than were imported; an event id stands twice; a segment's rows are not the entries it says.
-- Indeterminate: no count from the source for the day.
WITH wanted AS (
  SELECT day, starts_at, ends_at FROM days WHERE is_over AND ends_at > $start AND starts_at < $end),
signs AS (
  SELECT node AS source, 'node' AS feed, substr(CAST(date_trunc('day', beat_at) AS VARCHAR), 1, 10) AS day FROM heartbeats
  UNION ALL SELECT source, feed, day FROM source_counts
  UNION ALL SELECT source, feed, substr(CAST(date_trunc('day', occurred_at) AS VARCHAR), 1, 10) AS day FROM observations),
sources AS (SELECT source, feed, min(day) AS first_day FROM signs GROUP BY source, feed),
counts AS (
  SELECT source, feed, day, events, event_id FROM (
    SELECT *, row_number() OVER (PARTITION BY source, feed, day ORDER BY seq DESC) AS nth FROM source_counts)
  WHERE nth = 1),
pairs AS (
  SELECT s.source, s.feed, w.day, w.ends_at, c.events, c.event_id
  FROM sources s
  JOIN wanted w ON w.day >= s.first_day
  LEFT JOIN counts c ON c.source = s.source AND c.feed = s.feed AND c.day = w.day),
nodes AS (
  SELECT day, sum(events) AS counted, count(*) - count(events) AS uncounted FROM pairs WHERE feed = 'node' GROUP BY day),
logged AS (
  SELECT substr(CAST(date_trunc('day', time) AS VARCHAR), 1, 10) AS day, count(*) AS entries, count(*) - count(DISTINCT id) AS repeated
  FROM events GROUP BY substr(CAST(date_trunc('day', time) AS VARCHAR), 1, 10)),
imported AS (
  SELECT source, feed, substr(CAST(date_trunc('day', occurred_at) AS VARCHAR), 1, 10) AS day, count(*) AS facts
  FROM observations GROUP BY source, feed, substr(CAST(date_trunc('day', occurred_at) AS VARCHAR), 1, 10)),
days_judged AS (
  SELECT p.feed || ':' || p.source || ':' || p.day AS item_id, p.event_id, p.ends_at AS as_of,
    CASE
      WHEN coalesce(l.repeated, 0) > 0 THEN 'violation: an event id stands twice on this day'
      WHEN p.events IS NULL THEN 'indeterminate: no count from the source for this day'
      WHEN p.feed = 'node' AND n.uncounted > 0 THEN 'indeterminate: another node gave no count for this day'
      WHEN p.feed = 'node' AND n.counted <> coalesce(l.entries, 0)
        THEN 'violation: the nodes counted ' || n.counted || ' entries, the log has ' || coalesce(l.entries, 0)
      WHEN p.feed <> 'node' AND p.events <> coalesce(i.facts, 0)
        THEN 'violation: the source counted ' || p.events || ' facts, imported are ' || coalesce(i.facts, 0)
      WHEN p.feed = 'node' AND n.counted = coalesce(l.entries, 0) THEN 'ok'
      WHEN p.feed <> 'node' AND p.events = coalesce(i.facts, 0) THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM pairs p
  LEFT JOIN nodes n ON n.day = p.day
  LEFT JOIN logged l ON l.day = p.day
  LEFT JOIN imported i ON i.source = p.source AND i.feed = p.feed AND i.day = p.day),
within AS (
  SELECT s.first, s.last, s.rows, s.replaces, s.event_id, s.sealed_at, count(e.seq) AS entries
  FROM segments s
  JOIN events e ON e.seq >= s.first AND e.seq <= s.last
  WHERE s.sealed_at >= $start AND s.sealed_at < $end
  GROUP BY s.first, s.last, s.rows, s.replaces, s.event_id, s.sealed_at),
segments_judged AS (
  -- A merged segment begins where one that it replaces began.
  SELECT 'segment:' || right('000000000000' || first, 12)
      || CASE WHEN replaces IS NULL THEN '' ELSE '-' || right('000000000000' || last, 12) END AS item_id,
    event_id, sealed_at AS as_of,
    CASE
      WHEN rows <> entries OR rows <> last - first + 1 THEN 'violation: it says ' || rows || ' rows, the log has ' || entries
      WHEN rows = entries THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM within),
judged AS (
  SELECT item_id, event_id, as_of, verdict FROM days_judged
  UNION ALL SELECT item_id, event_id, as_of, verdict FROM segments_judged)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
