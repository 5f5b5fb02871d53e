"""The reports: HTML and figures."""
