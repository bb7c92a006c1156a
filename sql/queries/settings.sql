-- name: get
-- Return a setting of this session; NULL where there is no such setting.
SELECT pg_catalog.current_setting(%(name)s::text, true)

-- name: set
-- Change a setting until the end of the transaction (local) or of the session.
SELECT pg_catalog.set_config(%(name)s::text, %(value)s::text, %(local)s::boolean)

-- name: pin
-- Give settings other values, those alone that have not these; of DateStyle without its second part.
SELECT pg_catalog.set_config(s.name, s.value, %(local)s::boolean)
  FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(values)s::text[]))
           s (name, value)
 WHERE pg_catalog.split_part(pg_catalog.current_setting(s.name), ',', 1)
           OPERATOR(pg_catalog.<>) s.value

-- name: set_all
-- Change settings until the end of the transaction (local) or of the session.
SELECT pg_catalog.set_config(s.name, s.value, %(local)s::boolean)
  FROM ROWS FROM (pg_catalog.unnest(%(names)s::text[]), pg_catalog.unnest(%(values)s::text[]))
           s (name, value)

-- name: limit_time
-- End statements of this transaction after so many milliseconds, if they had longer.
SELECT pg_catalog.set_config(s.name, %(milliseconds)s::text, true)
  FROM pg_catalog.pg_settings s
 WHERE s.name OPERATOR(pg_catalog.=) 'statement_timeout'
   AND (s.setting OPERATOR(pg_catalog.=) '0'
        OR s.setting::bigint OPERATOR(pg_catalog.>) %(milliseconds)s::bigint)
