"""Endpoint, token and storage keys: where they come from."""
