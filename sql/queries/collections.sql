-- name: add_model
-- Store a model, or find it where it is known.
INSERT INTO {models} AS m (name, revision, fingerprint, modality, dim, max_tokens, query_prompt,
                           document_prompt, normalized, dtype)
VALUES (%(name)s, %(revision)s, %(fingerprint)s, %(modality)s, %(dim)s, %(max_tokens)s,
        %(query_prompt)s, %(document_prompt)s, %(normalized)s, %(dtype)s)
    ON CONFLICT (name, fingerprint) DO UPDATE SET name = excluded.name
RETURNING id

-- name: add_collection
-- Enter the name; a second collection of that name fails here.
INSERT INTO {collections} (name, active_generation, source) VALUES (%(name)s, 1, %(source)s)
RETURNING id

-- name: add_generation
-- Enter a generation.
INSERT INTO {generations} (collection_id, number, model_id, dim, distance, storage, normalize,
                           chunker, index_spec, state, table_name, transform_id, wanted,
                           layout)
SELECT c.id, %(number)s, %(model_id)s, %(dim)s, %(distance)s, %(storage)s, %(normalize)s,
       %(chunker)s, %(index_spec)s, %(state)s, %(table_name)s, %(transform_id)s, %(wanted)s,
       %(layout)s
  FROM {collections} c
 WHERE c.name = %(name)s

-- name: list
-- Read collections with their model and transform: all of them or the one of a name, with their
-- active generation or with every one. A source has the name that its table has now: the view that
-- reads it stays bound to the table when that is renamed, moved, or swapped for another.
SELECT c.name, g.number, g.dim, g.distance, g.storage, g.normalize, g.chunker, g.index_spec,
       g.state, g.table_name, g.wanted, g.layout,
       c.source OPERATOR(pg_catalog.||) COALESCE(s.place, '{{}}'::jsonb) AS source,
       m.name, m.revision, m.fingerprint, m.modality, m.dim, m.max_tokens, m.query_prompt,
       m.document_prompt, m.normalized, m.dtype,
       t.id, t.words, t.dim, t.fingerprint, t.is_leading, t.is_unit, t.is_isometric
  FROM {collections} c
  JOIN {generations} g ON g.collection_id = c.id
                      AND (g.number = c.active_generation OR NOT %(active)s)
  LEFT JOIN {models} m ON m.id = g.model_id
  LEFT JOIN {transforms} t ON t.id = g.transform_id
  LEFT JOIN LATERAL (
       SELECT pg_catalog.jsonb_build_object(
                  'schema', n.nspname, 'table', r.relname,
                  'known_as', COALESCE(c.source ->> 'known_as', c.source ->> 'table')) AS place
         FROM pg_catalog.pg_class own
         JOIN pg_catalog.pg_class v ON v.relnamespace = own.relnamespace AND v.relname = c.name
                                   AND v.relkind = 'v'
         JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
         JOIN pg_catalog.pg_depend d
           ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
          AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> v.oid
         JOIN pg_catalog.pg_class r ON r.oid = d.refobjid AND r.relkind IN ('r', 'p')
         JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
        WHERE c.source IS NOT NULL AND own.oid = c.tableoid
          AND (n.nspname = c.source ->> 'schema' AND r.relname = c.source ->> 'table'
               -- not one of the other tables that a text is read from
               OR NOT EXISTS (
                   SELECT
                     FROM pg_catalog.jsonb_array_elements(c.source -> 'dependencies') o
                    WHERE n.nspname = o ->> 'schema' AND r.relname = o ->> 'table'))
        ORDER BY n.nspname = c.source ->> 'schema' AND r.relname = c.source ->> 'table' DESC
        LIMIT 1) s ON true
 WHERE %(name)s::text IS NULL OR c.name = %(name)s::text
 ORDER BY c.name, g.number

-- name: set_index
-- Store which index a generation is to have.
UPDATE {generations} g
   SET index_spec = %(index_spec)s
  FROM {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: remove
-- Delete a collection and its generations from the catalog.
DELETE FROM {collections} WHERE name = %(name)s RETURNING id

-- name: create_documents
-- Create the documents of a collection that has its own.
CREATE TABLE {documents} (
    id text PRIMARY KEY,
    content text,
    metadata jsonb NOT NULL DEFAULT '{{}}',
    uri text,
    media_type text,
    content_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    source_id integer
)

-- name: index_content
-- Index what the documents hold, to find a text that comes again under another id. Postgres names
-- the index.
CREATE INDEX ON {documents} (content_hash)

-- name: create_chunks
-- Create the chunks of one generation. Vectors live apart from the documents, so that a change of
-- metadata never touches a vector index. `location` says where in the document a chunk stands.
CREATE TABLE {chunks} (
    id text NOT NULL,
    chunk_no integer NOT NULL,
    content text,
    span int4range NOT NULL,
    content_hash bytea NOT NULL,
    location jsonb,
    {embedding},
    {keys}
    {part}
    PRIMARY KEY ({key})
) {partitioning}

-- name: part_column
-- What the field of the layout says in the document. It is ordered by its bytes, so that nothing
-- about it depends on a locale.
part text COLLATE pg_catalog."C" NOT NULL,

-- name: key
-- No chunk is there twice.
id, chunk_no

-- name: key_with_part
-- A unique key of a partitioned table needs the column that it is partitioned by. The documents'
-- own table makes sure that a document is there only once.
id, chunk_no, part

-- name: by_hash
-- Partition the table so that each partition holds many parts.
PARTITION BY HASH (part)

-- name: by_list
-- Partition the table so that each declared part has a partition.
PARTITION BY LIST (part)

-- name: create_hash_partition
-- Create one of the partitions that share the parts.
CREATE TABLE {partition} PARTITION OF {chunks}
   FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})

-- name: create_list_partition
-- Create the partition of one part.
CREATE TABLE {partition} PARTITION OF {chunks} FOR VALUES IN ({part})

-- name: create_default_partition
-- Create the partition of every part that was not declared.
CREATE TABLE {partition} PARTITION OF {chunks} DEFAULT

-- name: index_parts
-- Index the parts, to find the chunks of one that has few. The table is empty yet, so nobody has to
-- wait.
CREATE INDEX {index} ON {chunks} (part)

-- name: vector_column
-- The column of a storage kind that is a type of pgvector's, or of bits.
embedding {type} NOT NULL

-- name: int8_column
-- One byte a dimension, and the scale that gives the numbers of a row their size again.
embedding "char"[] NOT NULL CHECK (pg_catalog.cardinality(embedding) OPERATOR(pg_catalog.=) {dim}),
    scale real NOT NULL

-- name: remove_generation
-- Delete a generation from the catalog.
DELETE FROM {generations} g
 USING {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: next_number
-- Return the number of a collection's next generation. A statement before this one locked the
-- collection's row, so that no two get the same.
SELECT (SELECT pg_catalog.max(g.number) + 1 FROM {generations} g WHERE g.collection_id = c.id)
  FROM {collections} c
 WHERE c.name = %(name)s

-- name: drop_table
-- Remove a table.
DROP TABLE IF EXISTS {table}

-- name: drop_function
-- Remove a function of a generation.
DROP FUNCTION IF EXISTS {function}({type})

-- name: drop_search
-- Remove a collection's search function.
DROP FUNCTION IF EXISTS {function}({vector}, integer, jsonb, double precision)

-- name: drop_similar
-- Remove a collection's function that searches by one of its documents.
DROP FUNCTION IF EXISTS {function}

-- name: exists
-- Return whether there is a relation of that name.
SELECT EXISTS (SELECT
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = %(schema)s AND c.relname = %(name)s)

-- name: chunks_view
-- Return whether the server has views that are read as the caller, and the kind and the comment of
-- what has the name of a collection's view of chunks.
SELECT pg_catalog.current_setting('server_version_num')::integer >= 150000, c.relkind::text,
       pg_catalog.obj_description(c.oid, 'pg_class')
  FROM (SELECT pg_catalog.to_regclass(%(view)s)::oid AS oid) w
  LEFT JOIN pg_catalog.pg_class c ON c.oid = w.oid

-- name: names
-- Return the names of all collections.
SELECT c.name FROM {collections} c

-- name: sizes
-- Count rows and bytes of both tables and of their indexes, partitions included.
WITH tables AS (
    SELECT %(chunks)s::regclass AS relid
     UNION
    SELECT p.relid FROM pg_catalog.pg_partition_tree(%(chunks)s::regclass) p
)
SELECT
    (SELECT pg_catalog.count(*) FROM {documents}),
    (SELECT pg_catalog.count(*) FROM {chunks}),
    coalesce(pg_catalog.pg_table_size(%(documents)s::regclass), 0)
        + (SELECT pg_catalog.sum(pg_catalog.pg_table_size(t.relid)) FROM tables t)::bigint,
    coalesce(pg_catalog.pg_indexes_size(%(documents)s::regclass), 0)
        + (SELECT pg_catalog.sum(pg_catalog.pg_indexes_size(t.relid)) FROM tables t)::bigint
        + (SELECT coalesce(pg_catalog.sum(pg_catalog.pg_total_relation_size(
                               pg_catalog.to_regclass(t.name))), 0)::bigint
             FROM pg_catalog.unnest(%(codes)s::text[]) t (name))

-- name: drop_text_search
-- Remove a collection's search by a text.
DROP FUNCTION IF EXISTS {function}(text, integer, jsonb, double precision, text)
