"""What a resource does, as a lifecycle for each kind. Nothing here knows Pulumi: `host` adapts it."""
