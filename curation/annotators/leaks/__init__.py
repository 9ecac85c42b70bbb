"""What is left of entities in a background that they were painted out of."""
