"""How a checkout comes by a Pulumi CLI: one module for each way, and the checks all ways share.

Nothing here may import anything but the standard library: it runs before anything is installed.
Nothing here reads the process's environment or names a site: both are arguments.
"""
