"""The resources as Pulumi sees them: the only place that imports `pulumi.dynamic`.

Each file declares one resource, its provider beside it. What decides is below (`model`, `policy`, `waiting`) and
what talks to the service is too (`api`, `storage`); nothing here parses files, prints, or knows the command line.
The module and class names of the providers are part of users' state and cannot change.
"""
