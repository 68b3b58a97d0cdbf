-- days: Every UTC day from the first entry of the log to the last, also those on which nothing happened.
--
-- day text: The day, `YYYY-MM-DD`.
-- starts_at timestamp: Its first moment.
-- ends_at timestamp: The first moment of the next day.
-- is_over boolean: Whether the log goes on after it.
SELECT day, starts_at, ends_at, is_over FROM calendar
