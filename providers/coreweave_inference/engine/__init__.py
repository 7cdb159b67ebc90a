"""Runs a stack directory: the same program on the same state as `pulumi up` there, in this process.

`operations.Engine` is the door; `results.Result` is what comes back, `run_events` what is told meanwhile, and
`refusals.CannotStart` what the caller must mend first. Nothing here prints or asks: how it looks on a terminal is
`cli`'s, what resources do is `resources`'. This file imports nothing, so that a name of it costs nothing.
"""
