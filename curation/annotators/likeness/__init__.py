"""How alike two pictures of entities are."""
