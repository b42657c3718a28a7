-- retirees_page: the next people by the tag of their number, with their last version and the wrapped keys of those not erased
select i.tag, s.stream, s.version, k.wrapped
from ledger.identity i join ledger.stream s on s.stream = i.retiree left join ledger.retiree_key k on k.retiree = i.retiree
where i.tag > %(after)s order by i.tag limit %(limit)s

-- retirees_count: how many people there are
select count(*) from ledger.identity

-- events_of: what these streams hold up to a position, each in its order
select position, recorded_at, stream, version, name, state from ledger.event
where stream = any(%(streams)s) and position <= %(until)s order by stream, version
