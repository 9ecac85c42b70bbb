"""Entity words (A.2) and captions by a language model: behind a server, or in process."""
