-- Return the vector of a text from a running worker, asked over a connection of its own: what this
-- transaction writes, nobody would see before its end. It runs with the privileges of its owner,
-- because a reader may write nothing, and all that it does with them is one call of await_encoding.
-- The connection is that of the foreign server <schema>_encode if there is one (`embeddb
-- sql-encoder serve-setup`), or else to this server's own socket as the owner, which dblink allows
-- superusers. It is opened and closed within the one call of dblink(): left open, the caller could
-- use it.
CREATE OR REPLACE FUNCTION {schema}.encode_by_worker(
    _collection bigint, _text text, _milliseconds integer)
RETURNS real[]
LANGUAGE plpgsql
STABLE
STRICT
SECURITY DEFINER
SET search_path TO pg_catalog, pg_temp
SET standard_conforming_strings TO on
AS $function$
DECLARE
    _most CONSTANT integer := 100000;  -- characters
    _setup CONSTANT text := 'Run `embeddb sql-encoder serve-setup` as the owner of the schema, or '
        'train an encoder that needs no worker: `embeddb sql-encoder train`.';
    _dblink text;
    _server text := pg_catalog.concat({name}::text, '_encode');
    _embedding real[];
    _problem text;
BEGIN
    IF pg_catalog.char_length(_text) OPERATOR(pg_catalog.>) _most THEN
        RAISE WARNING 'The text is longer than the % characters that are handed to a worker: the '
            'rest of it is left out.', _most;
    END IF;
    SELECT n.nspname INTO _dblink
      FROM pg_catalog.pg_extension x
      JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) x.extnamespace
     WHERE x.extname OPERATOR(pg_catalog.=) 'dblink';
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'ED002',
            MESSAGE = 'Texts cannot be handed to a worker: the extension dblink is not installed.',
            HINT = 'As a role that may: CREATE EXTENSION dblink; or train an encoder that needs no '
                'worker: `embeddb sql-encoder train`.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_foreign_server s
                    WHERE s.srvname OPERATOR(pg_catalog.=) _server) THEN
        IF NOT (SELECT r.rolsuper FROM pg_catalog.pg_roles r
                 WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER) THEN
            RAISE EXCEPTION USING ERRCODE = 'ED002', HINT = _setup, MESSAGE =
                'Texts cannot be handed to a worker: it is not set up how to reach it.';
        END IF;
        SELECT pg_catalog.string_agg(pg_catalog.format('%s=''%s''', p.name, pg_catalog.replace(
                   pg_catalog.replace(p.value, '\', '\\'), '''', '\''')), ' ')
          INTO _server
          FROM (VALUES
                   ('host', coalesce(
                       pg_catalog.replace(pg_catalog.substring(
                           pg_catalog.current_setting('unix_socket_directories'),
                           '^\s*"((?:[^"]|"")*)"'), '""', '"'),
                       NULLIF(pg_catalog.btrim(pg_catalog.split_part(
                           pg_catalog.current_setting('unix_socket_directories'), ',', 1)), ''),
                       'localhost')),
                   ('port', pg_catalog.current_setting('port')),
                   ('dbname', pg_catalog.current_database()),
                   ('user', CURRENT_USER),
                   ('application_name', 'embeddb encode')) p (name, value);
    END IF;
    BEGIN
        EXECUTE pg_catalog.format(
            'SELECT a.embedding, a.problem
               FROM %I.dblink($1::text, $2::text) a (embedding real[], problem text)', _dblink)
           INTO _embedding, _problem
          USING _server, pg_catalog.format(
                    'CALL %I.await_encoding(%s, %L, %s, NULL, NULL)', {name}::text,
                    _collection, pg_catalog.left(_text, _most), _milliseconds);
    EXCEPTION
        WHEN SQLSTATE '08000' OR SQLSTATE '08001' OR SQLSTATE '08004' OR SQLSTATE '08006'
            OR SQLSTATE '2F003' OR SQLSTATE '42704' OR insufficient_privilege THEN
            GET STACKED DIAGNOSTICS _problem = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION USING ERRCODE = 'ED002', HINT = _setup, DETAIL = _problem,
                MESSAGE = pg_catalog.concat('Texts cannot be handed to a worker: ', SQLERRM, '.');
    END;
    IF _problem IS NULL THEN
        RETURN _embedding;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'ED002',
        MESSAGE = CASE _problem
            WHEN 'timeout' THEN
                pg_catalog.format('No worker answered within %s ms.', _milliseconds)
            WHEN 'gone' THEN 'The worker that answered texts is gone.'
            ELSE pg_catalog.concat('The worker could not encode the text: ', _problem, '.') END,
        HINT = CASE _problem
            WHEN 'timeout' THEN
                'A model may still be loading; SET embeddb.encode_timeout allows for more time.'
            WHEN 'gone' THEN 'Start one: `embeddb worker`.'
            ELSE 'The log of the worker may say more.' END;
END
$function$;
-- It runs with the privileges of its owner: only for those to whom `embeddb grant` grants it.
REVOKE ALL ON FUNCTION {schema}.encode_by_worker(bigint, text, integer) FROM PUBLIC
