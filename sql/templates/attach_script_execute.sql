-- Execute a statement with what the look-up found in the place of each mark.
DO $the_body_of_a_script_that_executes_a_statement_between_tags_longer_than_63_bytes$
DECLARE
    _found jsonb := pg_catalog.current_setting('embeddb.script');
    _statement text := {statement};
    _mark text;
    _text text;
BEGIN
    FOR _mark, _text IN SELECT t.key, t.value FROM pg_catalog.jsonb_each_text(_found -> 'texts') t LOOP
        _statement := pg_catalog.replace(_statement, _mark, coalesce(_text, ''));
    END LOOP;
{execution}
END
$the_body_of_a_script_that_executes_a_statement_between_tags_longer_than_63_bytes$
