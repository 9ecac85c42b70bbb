"""What reference images and backgrounds are made of: which frames, how good, who is who (3.1)."""
