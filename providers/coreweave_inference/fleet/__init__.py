"""What a stack consists of, seen together. Pure."""
