"""The compiler and what runs its statements."""
