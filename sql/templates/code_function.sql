-- The thermometer code of a vector: for each threshold a bit a dimension, 1 where the number is
-- above it. Hamming distance between such codes is a coarse l1 distance. Plain SQL and without
-- settings, so that Postgres writes it into the index's expression and the query alike.
CREATE OR REPLACE FUNCTION {function}(_vector {type})
RETURNS bit
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
AS $the_body_of_a_code_function_between_tags_longer_than_sixty_three_bytes_$
SELECT {code}
$the_body_of_a_code_function_between_tags_longer_than_sixty_three_bytes_$
