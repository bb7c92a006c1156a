-- Return the part of a collection's chunks that a filter asks for by one field, which it names at
-- its top level: {{"tenant": "acme"}} or {{"tenant": {{"$eq": "acme"}}}}. NULL where it does not,
-- or where the value has no part of its own; such a filter is treated like any other. The same rule
-- in Python is in embeddb.schema.layouts.
CREATE OR REPLACE FUNCTION {schema}.filter_part(_filter jsonb, _field text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
AS $function$
DECLARE
    _value jsonb;
    _text text;
    _number numeric;
BEGIN
    IF pg_catalog.jsonb_typeof(_filter) OPERATOR(pg_catalog.<>) 'object' THEN
        RETURN NULL;
    END IF;
    _value := _filter OPERATOR(pg_catalog.->) _field;
    IF pg_catalog.jsonb_typeof(_value) OPERATOR(pg_catalog.=) 'object' THEN
        IF (_value OPERATOR(pg_catalog.-) '$eq'::text) OPERATOR(pg_catalog.<>) '{{}}'::jsonb THEN
            RETURN NULL;
        END IF;
        _value := _value OPERATOR(pg_catalog.->) '$eq'::text;
    END IF;
    _text := _value OPERATOR(pg_catalog.#>>) '{{}}'::text[];

    CASE pg_catalog.jsonb_typeof(_value)
    WHEN 'string' THEN
        IF pg_catalog.starts_with(_text, '=') THEN
            _text := pg_catalog.concat('=', _text);
        END IF;
        RETURN CASE WHEN pg_catalog.octet_length(_text) OPERATOR(pg_catalog.<=) 512
                    THEN NULLIF(_text, '') END;
    WHEN 'boolean' THEN
        RETURN pg_catalog.concat('=', _text);
    WHEN 'number' THEN
        _number := _text::numeric;
        RETURN CASE WHEN pg_catalog.abs(_number) OPERATOR(pg_catalog.<) 1e19
                     AND pg_catalog.trunc(_number) OPERATOR(pg_catalog.=) _number
                    THEN pg_catalog.concat('=', pg_catalog.trunc(_number)::text) END;
    ELSE
        RETURN NULL;
    END CASE;
END
$function$
