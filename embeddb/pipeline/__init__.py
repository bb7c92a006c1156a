"""The stages composed: documents are checked, chunked, encoded and written as they stream."""
