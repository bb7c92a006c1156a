-- Read the rows of a table of the application's as documents. They are read as the caller, so that
-- whoever may not see a row does not see its document.
CREATE VIEW {view} WITH (security_invoker = true) AS
SELECT {columns}
  FROM {source} AS {alias}
 {where}
