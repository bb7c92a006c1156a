        -- by slices, so that no statement's keys need more memory than there is. Jobs first: a
        -- worker that is about to write a chunk holds its job, and the chunk is seen after it
        FOR _keys IN
            SELECT pg_catalog.array_agg(k.key)
              FROM (SELECT g.key, (pg_catalog.row_number() OVER ()) OPERATOR(pg_catalog./) 10000
                                      AS slice
                      FROM {keys} g) k
             GROUP BY k.slice
        LOOP
            DELETE FROM {jobs} j
             WHERE j.collection_id OPERATOR(pg_catalog.=) _collection
               AND j.key OPERATOR(pg_catalog.=) ANY (_keys);
            DELETE FROM {failed_jobs} f
             WHERE f.collection_id OPERATOR(pg_catalog.=) _collection
               AND f.key OPERATOR(pg_catalog.=) ANY (_keys);
            DELETE FROM {chunks} c WHERE c.id OPERATOR(pg_catalog.=) ANY (_keys);
        END LOOP;
