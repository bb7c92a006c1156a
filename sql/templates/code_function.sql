-- Return the thermometer code of a vector: for each threshold a bit a dimension, 1 where the number
-- is above it. Hamming distance between such codes is a coarse l1 distance. It is plpgsql because
-- Postgres would write the body of an SQL function into its place, and so decode an int8 vector
-- once for each threshold. It has no SET, which would cost more than the code itself: every name in
-- it is qualified instead.
CREATE OR REPLACE FUNCTION {function}(_vector {type})
RETURNS bit
LANGUAGE plpgsql
IMMUTABLE
STRICT
PARALLEL SAFE
AS $the_body_of_a_code_function_between_tags_longer_than_sixty_three_bytes_$
BEGIN
    _vector := {normalized};
    RETURN {code};
END
$the_body_of_a_code_function_between_tags_longer_than_sixty_three_bytes_$
