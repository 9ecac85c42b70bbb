"""The commands: one module a verb, each with a typed config and a `main`."""
