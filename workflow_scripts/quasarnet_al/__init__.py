"""Active learning for QuasarNET on DESI spectra: pure functions on arrays and tables."""

__version__ = "0.1.0"
