-- name: lock_generation
-- Return the index that a generation has, which nobody else changes until this transaction ends.
SELECT g.index_spec
  FROM {generations} g
  JOIN {collections} c ON c.id = g.collection_id
 WHERE c.name = %(name)s AND g.number = %(number)s
   FOR UPDATE OF g

-- name: record
-- Store a measured recall.
INSERT INTO {recall_history} (collection_id, generation, recall, "limit", sample, settings)
SELECT c.id, %(generation)s, %(recall)s, %(limit)s, %(sample)s, %(settings)s
  FROM {collections} c
 WHERE c.name = %(name)s

-- name: history
-- Read what was measured of a collection, the latest first.
SELECT r.measured_at, r.generation, r.recall, r."limit", r.sample, r.settings
  FROM {recall_history} r
  JOIN {collections} c ON c.id = r.collection_id
 WHERE c.name = %(name)s
 ORDER BY r.measured_at DESC, r.id DESC
 LIMIT %(limit)s

-- name: fallen
-- Collections whose recall fell: the latest measurement with the index as it is now is below what
-- it was tuned for, or clearly below the best with the same settings. What was asked in different
-- ways (another limit, queries of the caller's, a truth of the caller's) is not compared.
WITH measured AS MATERIALIZED (
    SELECT r.id, r.measured_at, r.recall, r."limit", r.settings, c.name, g.index_spec,
           r.settings - '{{queries,truth,target,reachable}}'::text[] AS spec,
           pg_catalog.jsonb_build_array(
               r."limit", r.settings -> 'queries', r.settings -> 'truth') AS asked
      FROM {recall_history} r
      JOIN {collections} c ON c.id = r.collection_id AND c.active_generation = r.generation
      JOIN {generations} g ON g.collection_id = c.id AND g.number = r.generation
), latest AS (
    SELECT DISTINCT ON (m.name, m.asked) m.*
      FROM measured m
     WHERE m.spec = m.index_spec
     ORDER BY m.name, m.asked, m.measured_at DESC, m.id DESC
), compared AS (
    SELECT l.name, l.recall AS now,
           (SELECT (t.settings ->> 'target')::double precision
              FROM measured t
             WHERE t.name = l.name AND t.asked = l.asked AND t.settings ? 'target'
             ORDER BY t.measured_at DESC, t.id DESC
             LIMIT 1) AS target,
           (SELECT pg_catalog.max(b.recall)
              FROM measured b
             WHERE b.name = l.name AND b.asked = l.asked AND b.spec = l.spec) AS best
      FROM latest l
)
SELECT DISTINCT ON (c.name) c.name,
       CASE WHEN c.now < c.target THEN GREATEST(c.target, c.best) ELSE c.best END,
       c.now
  FROM compared c
 WHERE c.now < c.target OR c.now < c.best - %(tolerance)s::double precision
 ORDER BY c.name, c.now

-- name: unreached
-- Collections of which too few rows are found by their own vector, by the latest measurement with the
-- index as it is now.
SELECT l.name, l.reachable, l.method
  FROM (SELECT DISTINCT ON (c.name) c.name,
               (r.settings ->> 'reachable')::double precision AS reachable,
               g.index_spec ->> 'method' AS method
          FROM {recall_history} r
          JOIN {collections} c ON c.id = r.collection_id AND c.active_generation = r.generation
          JOIN {generations} g ON g.collection_id = c.id AND g.number = r.generation
         WHERE r.settings ? 'reachable'
           AND r.settings - '{{queries,truth,target,reachable}}'::text[] = g.index_spec
         ORDER BY c.name, r.measured_at DESC, r.id DESC) l
 WHERE l.reachable < %(least)s::double precision
 ORDER BY l.name
