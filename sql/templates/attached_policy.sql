-- A row of the source that is hidden from somebody hides its chunks from him too.
ALTER TABLE {chunks} ENABLE ROW LEVEL SECURITY;
CREATE POLICY embeddb_source ON {chunks}
 USING (EXISTS (SELECT FROM {source} s WHERE {same}))
