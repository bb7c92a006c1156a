"""What is there, and what is wrong with it: for the CLI, the HTTP API and Python alike."""
