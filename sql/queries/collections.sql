-- name: add_model
-- Remember a model, or find it where it is known.
INSERT INTO {models} AS m (name, revision, fingerprint, modality, dim, max_tokens, query_prompt,
                           document_prompt, normalized, dtype)
VALUES (%(name)s, %(revision)s, %(fingerprint)s, %(modality)s, %(dim)s, %(max_tokens)s,
        %(query_prompt)s, %(document_prompt)s, %(normalized)s, %(dtype)s)
    ON CONFLICT (name, fingerprint) DO UPDATE SET name = excluded.name
RETURNING id

-- name: add_collection
-- Take the name; a second collection of that name fails here.
INSERT INTO {collections} (name, active_generation, source) VALUES (%(name)s, 1, %(source)s)
RETURNING id

-- name: add_generation
-- Describe a generation.
INSERT INTO {generations} (collection_id, number, model_id, dim, distance, storage, normalize,
                           chunker, index_spec, state, table_name, transform_id, wanted,
                           layout)
SELECT c.id, %(number)s, %(model_id)s, %(dim)s, %(distance)s, %(storage)s, %(normalize)s,
       %(chunker)s, %(index_spec)s, %(state)s, %(table_name)s, %(transform_id)s, %(wanted)s,
       %(layout)s
  FROM {collections} c
 WHERE c.name = %(name)s

-- name: list
-- Collections with their active generation, or every one, its model and its transform; all
-- collections, or the one of that name.
SELECT c.name, g.number, g.dim, g.distance, g.storage, g.normalize, g.chunker, g.index_spec,
       g.state, g.table_name, g.wanted, g.layout, c.source,
       m.name, m.revision, m.fingerprint, m.modality, m.dim, m.max_tokens, m.query_prompt,
       m.document_prompt, m.normalized, m.dtype,
       t.id, t.words, t.dim, t.fingerprint, t.is_leading, t.is_unit, t.is_isometric
  FROM {collections} c
  JOIN {generations} g ON g.collection_id = c.id
                      AND (g.number = c.active_generation OR NOT %(active)s)
  LEFT JOIN {models} m ON m.id = g.model_id
  LEFT JOIN {transforms} t ON t.id = g.transform_id
 WHERE %(name)s::text IS NULL OR c.name = %(name)s::text
 ORDER BY c.name, g.number

-- name: set_index
-- Remember which index the active generation is to have.
UPDATE {generations} g
   SET index_spec = %(index_spec)s
  FROM {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: remove
-- Forget a collection and its generations.
DELETE FROM {collections} WHERE name = %(name)s RETURNING id

-- name: create_documents
-- The source table of a managed collection.
CREATE TABLE {documents} (
    id text PRIMARY KEY,
    content text,
    metadata jsonb NOT NULL DEFAULT '{{}}',
    uri text,
    media_type text,
    content_hash bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    updated_at timestamptz NOT NULL DEFAULT pg_catalog.now()
)

-- name: create_chunks
-- The chunks of one generation. Vectors live apart from the documents, so that a change of
-- metadata never touches a vector index.
CREATE TABLE {chunks} (
    id text NOT NULL,
    chunk_no integer NOT NULL,
    content text,
    span int4range NOT NULL,
    content_hash bytea NOT NULL,
    {embedding},
    {keys}
    {part}
    PRIMARY KEY ({key})
) {partitioning}

-- name: part_column
-- What the field that a collection is laid out by says in the document. Its order is that of the
-- bytes: nothing about it depends on a locale.
part text COLLATE pg_catalog."C" NOT NULL,

-- name: key
-- No chunk twice.
id, chunk_no

-- name: key_with_part
-- A partitioned table has nothing unique without the column that it is partitioned by. That a
-- document is there once only is what its own table sees to.
id, chunk_no, part

-- name: by_hash
-- Partitions that each hold many parts.
PARTITION BY HASH (part)

-- name: by_list
-- A partition for each declared part.
PARTITION BY LIST (part)

-- name: create_hash_partition
-- One of the partitions that share the parts among them.
CREATE TABLE {partition} PARTITION OF {chunks}
   FOR VALUES WITH (MODULUS {modulus}, REMAINDER {remainder})

-- name: create_list_partition
-- The partition of one part.
CREATE TABLE {partition} PARTITION OF {chunks} FOR VALUES IN ({part})

-- name: create_default_partition
-- The partition of every part that was not declared.
CREATE TABLE {partition} PARTITION OF {chunks} DEFAULT

-- name: index_parts
-- What finds the chunks of a part that has few. The table is empty yet, so nobody waits for it.
CREATE INDEX {index} ON {chunks} (part)

-- name: vector_column
-- The column of a storage kind that is a type of pgvector's, or of bits.
embedding {type} NOT NULL

-- name: int8_column
-- One byte a dimension, and what gives the numbers of a row their size again.
embedding "char"[] NOT NULL CHECK (pg_catalog.cardinality(embedding) OPERATOR(pg_catalog.=) {dim}),
    scale real NOT NULL

-- name: remove_generation
-- Forget a generation.
DELETE FROM {generations} g
 USING {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = %(number)s

-- name: next_number
-- The number of a collection's next generation. Its row is locked by a statement before this one,
-- so that two cannot get the same.
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
-- Remove a collection's function that searches by what is stored.
DROP FUNCTION IF EXISTS {function}

-- name: exists
-- Whether a relation of that name is there already.
SELECT EXISTS (SELECT
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = %(schema)s AND c.relname = %(name)s)

-- name: sizes
-- Rows, bytes of both tables and of their indexes; a partitioned table has none of its own.
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
