"""Take all that comes from a source out of a dataset, keep it out, and prove that nothing is left.

Read `forget.py` for the order of steps. `asking.py` says what may be asked for, `finding.py` what that comes to,
`rewriting.py` takes it out of the tables, `proof.py` looks for it everywhere, `journal.py` makes all of it go on after
a kill, and `reach.py` names what it cannot reach.
"""
