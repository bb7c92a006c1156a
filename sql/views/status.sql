-- One row for each collection: what waits, what failed, who works. What is not known is NULL, never a
-- number that stands for it. Nothing ever waits in a collection of documents of its own. If a policy
-- hides rows of the table, only roles that may read the queue see how many there are and what is wrong
-- with them.
CREATE OR REPLACE VIEW {schema}.status AS
SELECT c.name,
       CASE WHEN c.source IS NULL THEN NULL
            ELSE pg_catalog.format('%I.%I', c.source OPERATOR(pg_catalog.->>) 'schema',
                                    c.source OPERATOR(pg_catalog.->>) 'table')
       END AS source,
       CASE WHEN c.source IS NOT NULL AND NOT h.is_hidden THEN j.pending END AS pending,
       CASE WHEN NOT h.is_hidden THEN pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) j.oldest
       END AS oldest_pending,
       CASE WHEN c.source IS NOT NULL AND NOT h.is_hidden THEN f.failed END AS failed,
       CASE WHEN NOT h.is_hidden THEN COALESCE(j.last_error, f.last_error) END AS last_error,
       CASE WHEN c.source IS NULL THEN NULL ELSE w.workers END AS workers,
       CASE WHEN NOT h.is_hidden THEN w.per_minute END AS per_minute,
       CASE WHEN NOT h.is_hidden THEN b.done END AS backfill_done,
       CASE WHEN NOT h.is_hidden THEN b.total END AS backfill_total,
       b.finished_at AS backfill_finished_at,
       c.paused_at
  FROM {schema}.collections c
  LEFT JOIN {schema}.backfills b ON b.collection_id OPERATOR(pg_catalog.=) c.id
 CROSS JOIN LATERAL (
    SELECT COALESCE((c.source OPERATOR(pg_catalog.->>) 'row_security')::boolean, false)
           AND NOT pg_catalog.has_table_privilege(
                       pg_catalog.format('%I.jobs', {name}::text), 'SELECT') AS is_hidden) h
 CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS pending,
           pg_catalog.min(q.enqueued_at) AS oldest,
           (pg_catalog.array_agg(q.last_error ORDER BY q.available_at DESC)
                FILTER (WHERE q.last_error IS NOT NULL))[1] AS last_error
      FROM {schema}.jobs q
     WHERE q.collection_id OPERATOR(pg_catalog.=) c.id) j
 CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS failed,
           (pg_catalog.array_agg(
                pg_catalog.concat(q.error, ': ', q.message) ORDER BY q.failed_at DESC))[1]
               AS last_error
      FROM {schema}.failed_jobs q
     WHERE q.collection_id OPERATOR(pg_catalog.=) c.id) f
 CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS workers,
           pg_catalog.sum((q.rates OPERATOR(pg_catalog.->>) c.name)::double precision) AS per_minute
      FROM {schema}.workers q
     WHERE q.seen_at OPERATOR(pg_catalog.>)
               (pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) '1 minute'::interval)
       AND (q.collections IS NULL
            OR c.name OPERATOR(pg_catalog.=) ANY (q.collections))) w
