"""The state of a database, and what is wrong with it, on `Database` and catalog records alone.

`Store` and the command line show what these modules find; nothing here imports either of them.
"""
