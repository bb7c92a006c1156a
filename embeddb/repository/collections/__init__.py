"""Collections in the database: tables, documents, generations, functions."""
