SELECT {content}, {metadata}, {send}({column}::{vector})
  FROM {source} AS {alias} TABLESAMPLE SYSTEM ({percent})
 WHERE {column} IS NOT NULL AND {content} IS NOT NULL AND {passes}
 ORDER BY pg_catalog.random()
 LIMIT {limit}
