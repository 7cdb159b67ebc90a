"""What a declaration and an account tell without a state: whose an object is, what differs, what a stack left behind. Pure.

A stack's ids follow from its identity and from what was declared, so its objects are known by them; what only a state
knows is reported, and never guessed.
"""
