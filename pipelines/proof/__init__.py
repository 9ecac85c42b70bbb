"""The proof: curate a small world, train on what was kept, sample textures never seen, and judge the result."""
