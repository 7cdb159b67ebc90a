"""What runs in the provider process."""
