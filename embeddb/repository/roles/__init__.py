"""Privileges, and granting them."""
