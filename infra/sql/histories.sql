-- retirees_page: the next streams, and the wrapped keys of those that are retirees and not erased
select s.stream, s.version, k.wrapped
from ledger.stream s left join ledger.retiree_key k on k.retiree = s.stream
where s.stream > %(after)s order by s.stream limit %(limit)s

-- retirees_count: how many streams there are
select count(*) from ledger.stream

-- events_of: what these streams hold up to a position, each in its order
select position, recorded_at, stream, version, name, state from ledger.event
where stream = any(%(streams)s) and position <= %(until)s order by stream, version
