"""A knowledge base: articles by authors, under tags, searched by what they mean."""
