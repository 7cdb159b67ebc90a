"""The version of this package; nothing else belongs here, so that everyone may import it."""

__version__ = "0.1.0"
