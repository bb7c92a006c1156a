-- The query is a vector of the model's dimensions. It passes the collection's transform.
    IF {vector_dims}(_query) OPERATOR(pg_catalog.<>) {dim} THEN
        RAISE EXCEPTION USING ERRCODE = 'data_exception', MESSAGE = pg_catalog.format(
            'The query has %s dimensions; this collection has {dim}.', {vector_dims}(_query));
    END IF;
    _query := {transform};
