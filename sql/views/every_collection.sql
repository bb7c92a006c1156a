-- The names of all collections. A privilege on this view is a mark: it says what a role is to be given on
-- each collection, future ones included. SELECT marks a reader, INSERT a writer, UPDATE a worker. Nothing
-- can be written here, so the privileges are worth nothing by themselves; embeddb grant sets them.
CREATE OR REPLACE VIEW {schema}.every_collection AS
SELECT DISTINCT c.name FROM {schema}.collections c
