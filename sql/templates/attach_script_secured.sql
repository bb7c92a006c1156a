    IF (_found -> 'source' ->> 'row_security')::boolean THEN
        EXECUTE _statement;
    END IF;
