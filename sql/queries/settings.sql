-- name: get
-- Return a setting of this session; NULL where there is no such setting.
SELECT pg_catalog.current_setting(%(name)s::text, true)

-- name: set
-- Change a setting until the end of the transaction (local) or of the session.
SELECT pg_catalog.set_config(%(name)s::text, %(value)s::text, %(local)s::boolean)
