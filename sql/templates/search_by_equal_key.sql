    IF _query IS NULL THEN  -- an equal key may be written in another way
        SELECT c.id INTO _document FROM {chunks} c WHERE {equal} LIMIT 1;
        SELECT {mean} INTO _query FROM {chunks} c WHERE c.id OPERATOR(pg_catalog.=) _document;
        _document := COALESCE(_document, {id});
    END IF;
