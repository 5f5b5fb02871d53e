"""Spectra and tables: how they are read, kept and joined with labels."""
