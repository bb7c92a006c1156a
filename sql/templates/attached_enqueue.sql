        INSERT INTO {jobs} AS j (collection_id, key)
        SELECT _collection, k.key
          FROM {keys} k
         ORDER BY k.key COLLATE pg_catalog."C"
            ON CONFLICT (collection_id, key) DO UPDATE
           SET version = j.version OPERATOR(pg_catalog.+) 1, attempts = 0, last_error = NULL,
               available_at = pg_catalog.clock_timestamp(), token = NULL, leased_until = NULL;
        IF FOUND THEN
            PERFORM pg_catalog.pg_notify('embeddb_jobs', _collection::text);
            IF EXISTS (SELECT FROM {failed_jobs} f
                        WHERE f.collection_id OPERATOR(pg_catalog.=) _collection) THEN
                DELETE FROM {failed_jobs} f
                 USING {keys} k
                 WHERE f.collection_id OPERATOR(pg_catalog.=) _collection
                   AND f.key OPERATOR(pg_catalog.=) k.key;
            END IF;
        END IF;
