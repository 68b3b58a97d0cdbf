-- D13: Justified
--
-- Population: requests approved in the period, by people, automatically or under break-glass.
-- Violation: the justification has too few characters; the requester used the identical text too often; for a class of change that needs
--   one, the ticket is missing or not of the pattern.
-- Indeterminate: the length, the repetitions, or the class of change that decides about a ticket is not recorded.
-- Parameter min_chars integer = 20: Fewest characters of a justification.
-- Parameter max_repeats integer = 5: How often a requester may use the identical text.
-- Parameter ticket_change_classes text[] = []: Classes of change that need a ticket.
-- Parameter ticket_pattern text = "": Regular expression of a well-formed ticket; empty for any.
WITH judged AS (
  SELECT request_id AS item_id, ended_event_id AS event_id, ended_at AS as_of,
    CASE
      WHEN justification_chars < $min_chars THEN 'violation: the justification has ' || justification_chars || ' characters'
      WHEN character_length(btrim(justification)) < $min_chars
        THEN 'violation: the justification has ' || character_length(btrim(justification)) || ' characters'
      WHEN justification_repeats + 1 > $max_repeats
        THEN 'violation: the requester used the identical text ' || (justification_repeats + 1) || ' times'
      WHEN array_has($ticket_change_classes, change_class) AND (ticket IS NULL OR btrim(ticket) = '') THEN 'violation: it needs a ticket and names none'
      WHEN array_has($ticket_change_classes, change_class) AND NOT regexp_like(ticket, $ticket_pattern)
        THEN 'violation: the ticket is not well-formed'
      WHEN justification_chars IS NULL OR justification_repeats IS NULL THEN 'indeterminate: length or repetitions are not recorded'
      WHEN change_class IS NULL AND coalesce(array_length($ticket_change_classes), 0) > 0 THEN 'indeterminate: the class of change is not recorded'
      WHEN justification_chars >= $min_chars AND justification_repeats < $max_repeats THEN 'ok'
      ELSE 'indeterminate: a value is missing'
    END AS verdict
  FROM requests
  WHERE state = 'approved' AND ended_at >= $start AND ended_at < $end)
SELECT item_id, event_id, as_of, split_part(verdict, ': ', 1) AS status,
  CASE WHEN verdict = 'ok' THEN '' ELSE substr(verdict, strpos(verdict, ': ') + 2) END AS reason
FROM judged
