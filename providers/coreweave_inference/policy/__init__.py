"""Bucket policies as documents: build, merge, compare, decide. Pure."""
