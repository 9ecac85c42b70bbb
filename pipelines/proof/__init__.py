"""The proof: curate a small stage, train on what was kept, sample textures never seen, and judge the result."""
