"""What a resource needs in the user's program: arguments, settings, what exists already, the last state."""
