-- Return the tokens that a collection's SQL encoder reads of a text: those of its model's own
-- tokenizer (BERT's: characters cleaned, accents and case dropped where the model drops them, words
-- and signs apart, each word in the longest pieces that the vocabulary has), but whole words where
-- the encoder knows more words than the model, and pairs of neighbours that it knows.
CREATE OR REPLACE FUNCTION {schema}.query_tokens(_encoder bigint, _text text)
RETURNS text[]
LANGUAGE plpgsql
STABLE
STRICT
PARALLEL SAFE
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
AS $function$
DECLARE
    _most CONSTANT integer := 32768;  -- characters that are looked at; models read fewer
    _longest CONSTANT integer := 100;  -- characters of a word; what is longer is unknown
    _rules jsonb;
    _limit integer;
    _words text[];
    _known text[];
    _word text;
    _piece text;
    _pieces text[];
    _start integer;
    _tokens text[] := '{{}}';
    _cut boolean := false;
BEGIN
    SELECT e.rules, coalesce(e.max_tokens, 512) INTO _rules, _limit
      FROM {schema}.sql_encoders e
     WHERE e.id OPERATOR(pg_catalog.=) _encoder;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF pg_catalog.char_length(_text) OPERATOR(pg_catalog.>) _most THEN
        _cut := true;
        _text := pg_catalog.left(_text, _most);
    END IF;
    IF pg_catalog.octet_length(_text) OPERATOR(pg_catalog.=) pg_catalog.char_length(_text) THEN
        _text := pg_catalog.regexp_replace(_text, '[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]', '', 'g');
        _text := pg_catalog.regexp_replace(_text, '([!-/:-@[-`{{-~])', ' \1 ', 'g');
    ELSE
        IF (_rules OPERATOR(pg_catalog.->) 'decompose'::text)::boolean THEN
            _text := pg_catalog.normalize(_text, 'NFD');
        END IF;
        _text := pg_catalog.regexp_replace(
            _text, _rules OPERATOR(pg_catalog.->>) 'removed'::text, '', 'g');
        _text := pg_catalog.translate(_text, _rules OPERATOR(pg_catalog.->>) 'from'::text,
                                      _rules OPERATOR(pg_catalog.->>) 'to'::text);
        _text := pg_catalog.regexp_replace(
            _text, _rules OPERATOR(pg_catalog.->>) 'apart'::text, ' \1 ', 'g');
    END IF;
    IF (_rules OPERATOR(pg_catalog.->) 'lower'::text)::boolean THEN
        _text := pg_catalog.lower(_text COLLATE pg_catalog."C");
    END IF;
    _words := pg_catalog.regexp_split_to_array(
        pg_catalog.btrim(_text, E' \t\n\r'), '[ \t\n\r]+');
    _cut := _cut OR pg_catalog.cardinality(_words) OPERATOR(pg_catalog.>) _limit;
    _words := _words[1 : _limit];  -- each is a token at least
    SELECT coalesce(pg_catalog.array_agg(t.token), '{{}}') INTO _known
      FROM {schema}.sql_encoder_tokens t
     WHERE t.encoder_id OPERATOR(pg_catalog.=) _encoder
       AND t.token OPERATOR(pg_catalog.=) ANY (_words COLLATE pg_catalog."C");
    FOREACH _word IN ARRAY _words LOOP
        IF pg_catalog.cardinality(_tokens) OPERATOR(pg_catalog.>=) _limit THEN
            _cut := true;
            EXIT;
        END IF;
        CONTINUE WHEN _word OPERATOR(pg_catalog.=) '';
        IF _word OPERATOR(pg_catalog.=) ANY (_known) THEN
            _tokens := pg_catalog.array_append(_tokens, _word);
            CONTINUE;
        END IF;
        _start := 1;
        _pieces := '{{}}';
        WHILE _start OPERATOR(pg_catalog.<=) pg_catalog.char_length(_word) LOOP
            SELECT t.token INTO _piece
              FROM {schema}.sql_encoder_tokens t
             WHERE t.encoder_id OPERATOR(pg_catalog.=) _encoder
               AND t.token OPERATOR(pg_catalog.=) ANY (ARRAY(
                   SELECT pg_catalog.concat(
                              CASE WHEN _start OPERATOR(pg_catalog.>) 1 THEN '##' END,
                              pg_catalog.substr(_word, _start, n.length))
                     FROM pg_catalog.generate_series(
                              1, pg_catalog.char_length(_word) OPERATOR(pg_catalog.-) _start
                                 OPERATOR(pg_catalog.+) 1) n (length)) COLLATE pg_catalog."C")
               AND t.is_piece
             ORDER BY pg_catalog.char_length(t.token) DESC
             LIMIT 1;
            IF NOT FOUND OR pg_catalog.char_length(_word) OPERATOR(pg_catalog.>) _longest THEN
                _pieces := ARRAY['[UNK]'];
                EXIT;
            END IF;
            _pieces := pg_catalog.array_append(_pieces, _piece);
            _start := _start OPERATOR(pg_catalog.+) pg_catalog.char_length(_piece)
                OPERATOR(pg_catalog.-)
                CASE WHEN _start OPERATOR(pg_catalog.>) 1 THEN 2 ELSE 0 END;
        END LOOP;
        _tokens := pg_catalog.array_cat(_tokens, _pieces);
    END LOOP;
    IF _cut OR pg_catalog.cardinality(_tokens) OPERATOR(pg_catalog.>) _limit THEN
        RAISE WARNING 'The text is longer than the % tokens that the encoder in SQL reads: the rest '
            'of it is left out.', _limit;
    END IF;
    RETURN _tokens[1 : _limit];
END
$function$
