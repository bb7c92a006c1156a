-- Call a function once for each statement that changed the source.
CREATE TRIGGER {trigger}
 AFTER {event} ON {table}
 {referencing}
   FOR EACH STATEMENT EXECUTE FUNCTION {function}({argument})
