"""The Inference API: the client, its objects and its errors."""
