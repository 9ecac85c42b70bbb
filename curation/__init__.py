"""Videos and captions in, a dataset of clips with bound reference images out (section 3.1, A.1, A.2)."""
