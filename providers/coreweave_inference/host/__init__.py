"""Pulumi's dynamic provider host: what joins it to the lifecycles of `provider/`, which know no host."""
