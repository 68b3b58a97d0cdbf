-- I01: Chain unbroken
--
-- Population: entries recorded in the period, and the entry before and after it.
-- Violation: an entry does not follow the one before by exactly one position; it does not name the leaf of the one before; its stored
--   leaf is not the hash of its bytes; a column that SQL reads differs from the signed bytes; the origin changes.
-- Indeterminate: the entry before is missing, or the log opens in a format that this test does not know.
WITH read AS (
  SELECT seq, time, id, kind, leaf, log, prev, leaf_hash(entry) AS computed,
    json_int(body, 'format') AS format,
    time >= $start AND time < $end AS inside,
    json_int(entry, 'seq') = seq AND json_time(entry, 'time') = time AND json_text(entry, 'id') = id
      AND json_text(entry, 'kind') = kind AS columns_agree
  FROM events),
chain AS (
  SELECT *,
    lag(seq) OVER (ORDER BY seq) AS seq_before, lag(leaf) OVER (ORDER BY seq) AS leaf_before, lag(log) OVER (ORDER BY seq) AS log_before,
    inside OR coalesce(lag(inside) OVER (ORDER BY seq), false) OR coalesce(lead(inside) OVER (ORDER BY seq), false) AS wanted
  FROM read),
judged AS (
  SELECT right('000000000000' || seq, 12) AS item_id, id AS event_id, time AS as_of,
    CASE
      WHEN leaf <> computed THEN 'violation: the stored leaf is not the hash of the entry'
      WHEN NOT coalesce(columns_agree, false) THEN 'violation: a column differs from the signed bytes'
      WHEN seq = 0 AND (prev IS NOT NULL OR kind <> 'ledger.opened') THEN 'violation: the first entry does not open the log'
      WHEN seq = 0 AND format = 1 AND leaf = computed THEN 'ok'
      WHEN seq = 0 THEN 'indeterminate: the format of the log is not known to this test'
      WHEN seq_before IS NULL THEN 'indeterminate: the entry before is missing'
      WHEN seq <> seq_before + 1 THEN 'violation: the entry before has position ' || seq_before
      WHEN prev IS NULL OR prev <> base64url(leaf_before) THEN 'violation: it does not name the leaf of the entry before'
      WHEN log <> log_before THEN 'violation: the origin of the log changes'
      WHEN leaf = computed AND prev = base64url(leaf_before) AND log = log_before THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM chain WHERE wanted)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
