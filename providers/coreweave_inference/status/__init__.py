"""How the objects of a stack or an account are: live objects and the recorded ones in, a report as data out. Pure.

Nothing here asks the service, reads a state or prints.
"""
