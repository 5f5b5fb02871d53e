"""What a config means for the rules."""
