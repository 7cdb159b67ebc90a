"""Object storage: buckets, policies, weights, keys."""
