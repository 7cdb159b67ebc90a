"""A whole stack in the user's program: its resources in order, checks before, outputs after."""
