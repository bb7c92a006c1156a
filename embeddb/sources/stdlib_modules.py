"""The part of the standard library that PythonDocs reads unless told otherwise."""

from __future__ import annotations

# What everyday programs import, by the chapters of The Python Library Reference. Left out are
# graphical toolkits, what later versions of Python removed, and helpers of the interpreter.
COMMON_MODULES = (
    # text and binary data
    *("string", "re", "difflib", "textwrap", "codecs", "struct"),
    # data types
    *("datetime", "calendar", "collections", "heapq", "bisect", "weakref", "types", "copy"),
    *("pprint", "enum", "graphlib", "zoneinfo"),
    # numbers
    *("numbers", "fractions", "random", "statistics"),
    # functional programming
    *("functools", "operator"),
    # files and folders
    *("pathlib", "os", "tempfile", "glob", "fnmatch", "shutil"),
    *("posixpath", "linecache", "stat"),
    # persistence
    *("pickle", "shelve", "sqlite3", "dbm"),
    # archives
    *("gzip", "bz2", "lzma", "zipfile", "tarfile"),
    # file formats
    *("csv", "configparser", "tomllib", "netrc", "plistlib"),
    # cryptography
    *("hashlib", "hmac", "secrets"),
    # operating system
    *("io", "argparse", "getopt", "logging", "getpass", "platform", "ctypes"),
    # concurrency
    *("threading", "multiprocessing", "concurrent", "subprocess", "queue"),
    *("contextvars", "asyncio"),
    # networking
    *("socket", "ssl", "selectors", "signal"),
    # data of the internet
    *("email", "json", "mimetypes", "base64"),
    # markup
    *("html", "xml"),
    # protocols
    *("webbrowser", "urllib", "http", "smtplib", "socketserver"),
    *("ipaddress", "uuid"),
    # programs
    *("locale", "cmd", "shlex"),
    # development
    *("typing", "unittest", "timeit", "cProfile", "tracemalloc"),
    # the interpreter
    *("warnings", "dataclasses", "contextlib", "abc", "traceback", "inspect", "importlib"),
    *("ast", "tokenize"),
)
