"""The compression advisor: forms of storage tried on a sample, and what each would cost."""
