"""The tasks: what is classified, by which network."""
