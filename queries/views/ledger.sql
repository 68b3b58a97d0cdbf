-- ledger: The log as a whole, as of this statement: one row.
--
-- origin text: Name of the log.
-- opened_at timestamp: Time of its first entry.
-- last_at timestamp: Time of its last entry.
-- size bigint: Number of entries.
-- root text: Root of the tree over them, base64url.
-- checkpoint text: The signed checkpoint over them.
SELECT origin, opened_at, last_at, size, root, checkpoint FROM head
