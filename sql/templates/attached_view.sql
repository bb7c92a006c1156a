-- The documents of a collection whose source is a table of the application's: read as the caller,
-- so that whoever may not see a row does not see its document.
CREATE VIEW {view} WITH (security_invoker = true) AS
SELECT {columns}
  FROM {source} AS {alias}
 {where}
