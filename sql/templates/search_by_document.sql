-- The query is a document's key: chunks are compared with the mean of its own, which are left out.
    _document := {id};
    SELECT {mean} INTO _query FROM {chunks} c WHERE c.id OPERATOR(pg_catalog.=) _document;
{otherwise}
    IF _query IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found', MESSAGE = pg_catalog.format(
            'There is no document %s in this collection, or it is not encoded yet.',
            pg_catalog.quote_nullable(_document));
    END IF;
