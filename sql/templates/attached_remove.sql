        -- by slices, so that no statement's keys need more memory than there is. Jobs first: a
        -- worker that is about to write a chunk holds its job, and the chunk is seen after it
        FOR _keys IN
            SELECT pg_catalog.array_agg(k.key)
              FROM (SELECT g.key, (pg_catalog.row_number() OVER ()) OPERATOR(pg_catalog./) 10000
                                      AS slice
                      FROM {keys} g) k
             GROUP BY k.slice
        LOOP
            IF EXISTS (SELECT FROM {backfills} b
                        WHERE b.collection_id OPERATOR(pg_catalog.=) _collection
                          AND b.finished_at IS NULL) THEN
                -- a backfill still sees the rows until this transaction ends, and may be about to
                -- make jobs of them: a job that finds no row makes sure that no chunk is left
                INSERT INTO {jobs} AS j (collection_id, key)
                SELECT _collection, k.key
                  FROM pg_catalog.unnest(_keys) k (key)
                 ORDER BY k.key COLLATE pg_catalog."C"
                    ON CONFLICT (collection_id, key) DO UPDATE
                   SET version = j.version OPERATOR(pg_catalog.+) 1, attempts = 0,
                       last_error = NULL, available_at = pg_catalog.clock_timestamp(),
                       token = NULL, leased_until = NULL;
            ELSE
                DELETE FROM {jobs} j
                 WHERE j.collection_id OPERATOR(pg_catalog.=) _collection
                   AND j.key OPERATOR(pg_catalog.=) ANY (_keys);
            END IF;
            DELETE FROM {failed_jobs} f
             WHERE f.collection_id OPERATOR(pg_catalog.=) _collection
               AND f.key OPERATOR(pg_catalog.=) ANY (_keys);
            DELETE FROM {chunks} c WHERE c.id OPERATOR(pg_catalog.=) ANY (_keys);
        END LOOP;
