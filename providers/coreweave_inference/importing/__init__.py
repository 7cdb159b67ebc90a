"""What an account holds, as a declaration: entries, their text in a file, and the proof that they say what is live. Pure.

A snapshot and the text of a file go in, the text of the file and a report come out. Nothing here asks the service, knows
the engine, or writes a file.
"""
