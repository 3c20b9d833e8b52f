"""Counts of the documents in a bucket."""
