-- traces_save: the trace of what is written of these streams, from one version to another; what is older than a week goes
with gone as (
    delete from ledger.trace where ctid = any (array(
        select ctid from ledger.trace where at < clock_timestamp() - interval '7 days' limit 100)))
insert into ledger.trace (stream, first, last, traceparent)
select stream, first, last, traceparent
from unnest($1::uuid[], $2::int4[], $3::int4[], $4::text[]) as t(stream, first, last, traceparent) on conflict do nothing

-- traces_of: the traces of some streams
select stream, first, last, traceparent from ledger.trace where stream = any (%(streams)s)
