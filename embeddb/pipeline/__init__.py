"""Work on whole collections: ingest, generations, conversion, indexes."""
