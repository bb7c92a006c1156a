-- Hide the chunks of a row from everybody from whom the row itself is hidden.
ALTER TABLE {chunks} ENABLE ROW LEVEL SECURITY;
CREATE POLICY embeddb_source ON {chunks}
 USING (EXISTS (SELECT FROM {source} s WHERE {same}))
