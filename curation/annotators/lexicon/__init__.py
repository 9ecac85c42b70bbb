"""Entity words by rules: a small grammar over word lists (A.2)."""
