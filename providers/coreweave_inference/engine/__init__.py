"""Runs a stack directory: the same program on the same state as `pulumi up` there, in this process.

`operations.Engine` runs it; `results.Result` is what a run returns, `events` what it reports meanwhile, and
`StartupError` what the caller must fix first. Nothing here prints or asks: how it looks on a terminal is
`cli`'s, what resources do is `resources`'. This file imports nothing, so that a name of it costs nothing.
"""
