-- Read one column of a key from the text that it was written as. That has but one result, which
-- Postgres cannot know of a type whose input depends on settings.
CREATE OR REPLACE FUNCTION {function}(_id text)
RETURNS {type}
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
{settings}
AS $the_body_of_a_key_function_between_tags_longer_than_sixty_three_bytes_$
BEGIN
    RETURN {value};
END
$the_body_of_a_key_function_between_tags_longer_than_sixty_three_bytes_$
