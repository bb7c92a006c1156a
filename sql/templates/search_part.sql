-- What a filter asks of the field that the chunks are laid out by.
    IF {is_known} THEN  -- all that is asked of the field: nothing of it is left to be filtered
        _filter := _filter OPERATOR(pg_catalog.-) {field}::text;
    ELSE
        _part := {unknown};
    END IF;
