"""What is asked about sources: their states, and those of their batches, each as the JSON of its row."""

PAGE = """
select state from source
where source > %(after)s and (%(department)s = '' or split_part(source, '/', 2) = %(department)s)
order by source limit %(limit)s
"""
"""Sources of a department (any when empty), after one of them."""

ONE = "select state from source where source = %(source)s"
"""One source."""

OPEN_BATCHES = """
select state from source_batch
where source = any(%(sources)s) and state::jsonb ->> 'told' is distinct from 'complete'
order by source, batch limit %(limit)s
"""
"""Batches of some sources that nobody was told to be whole."""

READ = "select position from ledger.tracking where follower = 'sources'"
"""How far the log was read for all this."""
