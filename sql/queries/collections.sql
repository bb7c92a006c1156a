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
INSERT INTO {collections} (name, active_generation) VALUES (%(name)s, 1) RETURNING id

-- name: add_generation
-- Describe a generation.
INSERT INTO {generations} (collection_id, number, model_id, dim, distance, storage, normalize,
                           chunker, index_spec, state, table_name)
VALUES (%(collection_id)s, %(number)s, %(model_id)s, %(dim)s, %(distance)s, %(storage)s,
        %(normalize)s, %(chunker)s, %(index_spec)s, 'active', %(table_name)s)

-- name: list
-- Collections with their active generation and model; all of them, or the one of that name.
SELECT c.name, g.number, g.dim, g.distance, g.storage, g.normalize, g.chunker, g.index_spec,
       g.state, g.table_name,
       m.name, m.revision, m.fingerprint, m.modality, m.dim, m.max_tokens, m.query_prompt,
       m.document_prompt, m.normalized, m.dtype
  FROM {collections} c
  JOIN {generations} g ON g.collection_id = c.id AND g.number = c.active_generation
  LEFT JOIN {models} m ON m.id = g.model_id
 WHERE %(name)s::text IS NULL OR c.name = %(name)s::text
 ORDER BY c.name

-- name: set_index
-- Remember which index the active generation is to have.
UPDATE {generations} g
   SET index_spec = %(index_spec)s
  FROM {collections} c
 WHERE c.id = g.collection_id AND c.name = %(name)s AND g.number = c.active_generation

-- name: remove
-- Forget a collection and its generations.
DELETE FROM {collections} WHERE name = %(name)s RETURNING id

-- name: generation_tables
-- The tables of all generations of a collection.
SELECT g.table_name
  FROM {generations} g
  JOIN {collections} c ON c.id = g.collection_id
 WHERE c.name = %(name)s

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
    embedding {type} NOT NULL,
    PRIMARY KEY (id, chunk_no)
)

-- name: drop_table
-- Remove a table.
DROP TABLE IF EXISTS {table}

-- name: drop_function
-- Remove a collection's search function.
DROP FUNCTION IF EXISTS {function}({vector}, integer, jsonb, double precision)

-- name: exists
-- Whether a relation of that name is there already.
SELECT EXISTS (SELECT
                 FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = %(schema)s AND c.relname = %(name)s)

-- name: sizes
-- Rows, bytes of both tables and of the vector indexes; rows are the planner's estimate.
SELECT
    (SELECT pg_catalog.count(*) FROM {documents}),
    (SELECT pg_catalog.count(*) FROM {chunks}),
    pg_catalog.pg_table_size(%(documents)s::regclass) + pg_catalog.pg_table_size(%(chunks)s::regclass),
    pg_catalog.pg_indexes_size(%(documents)s::regclass) + pg_catalog.pg_indexes_size(%(chunks)s::regclass)

-- name: record_recall
-- Keep a measured recall.
INSERT INTO {recall_history} (collection_id, generation, recall, "limit", sample, settings)
SELECT c.id, %(generation)s, %(recall)s, %(limit)s, %(sample)s, %(settings)s
  FROM {collections} c
 WHERE c.name = %(name)s
