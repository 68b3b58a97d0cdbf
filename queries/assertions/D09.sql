-- D09: Grant used once
--
-- Population: grants redeemed in the period.
-- Violation: there is no such grant; it was redeemed or run more often than it allows, or than the parameter; another grant has the same
--   nonce; it was redeemed with another nonce than its own.
-- Indeterminate: the grant has no nonce, or a redemption names none.
-- Parameter max_uses integer = 1: How often a grant may be used at most.
WITH uses AS (
  SELECT grant_id, count(*) AS redemptions, count(nonce) AS nonces, min(nonce) AS nonce, max(nonce) AS other,
    min(CASE WHEN redeemed_at >= $start AND redeemed_at < $end THEN seq END) AS first_seq
  FROM redemptions GROUP BY grant_id),
runs AS (SELECT grant_id, count(*) AS runs FROM executions GROUP BY grant_id),
nonces AS (SELECT nonce, count(*) AS grants FROM grants WHERE nonce IS NOT NULL GROUP BY nonce),
judged AS (
  SELECT u.grant_id AS item_id, e.id AS event_id, e.time AS as_of,
    CASE
      WHEN g.grant_id IS NULL THEN 'violation: there is no such grant'
      WHEN u.redemptions > g.max_uses OR u.redemptions > $max_uses THEN 'violation: it was redeemed ' || u.redemptions || ' times'
      WHEN x.runs > g.max_uses OR x.runs > $max_uses THEN 'violation: it was run ' || x.runs || ' times'
      WHEN n.grants > 1 THEN 'violation: another grant has the same nonce'
      WHEN u.nonce <> g.nonce OR u.other <> g.nonce THEN 'violation: it was redeemed with another nonce'
      WHEN g.nonce IS NULL OR g.nonce = '' OR u.nonces < u.redemptions THEN 'indeterminate: a nonce is missing'
      WHEN u.redemptions <= g.max_uses AND u.redemptions <= $max_uses AND u.nonce = g.nonce AND n.grants = 1 THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM uses u
  JOIN events e ON e.seq = u.first_seq
  LEFT JOIN grants g ON g.grant_id = u.grant_id
  LEFT JOIN runs x ON x.grant_id = u.grant_id
  LEFT JOIN nonces n ON n.nonce = g.nonce
  WHERE u.first_seq IS NOT NULL)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
