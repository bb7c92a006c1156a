-- The collections by name. What a role was given on this view says what it is to be given on each
-- collection, those that come later among them: SELECT that it reads, INSERT that it writes those
-- that are embeddb's own, UPDATE that it works for those that are attached. Nothing can be written
-- here, so these rights are worth nothing by themselves; embeddb grant sees to them.
CREATE OR REPLACE VIEW {schema}.every_collection AS
SELECT DISTINCT c.name FROM {schema}.collections c
