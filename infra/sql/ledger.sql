-- inbox_known: what was accepted before under these identifications
select i.source, i.id, i.digest, i.status, i.position, i.retiree, i.recorded_at
from ledger.inbox i join unnest(%(sources)s::text[], %(ids)s::text[]) as s(source, id) using (source, id)

-- master_key_claim: remember the first master key that is used here
insert into ledger.master_key (fingerprint) values (%(fingerprint)s) on conflict do nothing

-- master_key_find: the master key of this ledger
select fingerprint from ledger.master_key

-- identity_claim: give these tags their retirees; the count tells whether somebody was faster
insert into ledger.identity (tag, retiree)
select * from unnest(%(tags)s::bytea[], %(retirees)s::uuid[]) as s(tag, retiree) order by tag on conflict do nothing

-- identity_find: whose tags these are
select tag, retiree from ledger.identity where tag = any(%(tags)s::bytea[])

-- key_save: the wrapped keys of newcomers
insert into ledger.retiree_key (retiree, wrapped)
select * from unnest(%(retirees)s::uuid[], %(wrapped)s::bytea[])

-- key_find: the wrapped keys of these retirees
select retiree, wrapped from ledger.retiree_key where retiree = any(%(retirees)s::uuid[])

-- stream_claim: make these streams, unless they are there
insert into ledger.stream (stream)
select s from unnest(%(streams)s::uuid[]) as s order by s on conflict do nothing

-- stream_lock: hold these streams until the end of the transaction, always in the same order
select stream, version, state from ledger.stream
where stream = any(%(streams)s::uuid[]) order by stream for update

-- stream_save: the streams after the decisions
update ledger.stream as t set version = s.version, state = coalesce(s.state, t.state)
from unnest(%(streams)s::uuid[], %(versions)s::int[], %(states)s::bytea[]) as s(stream, version, state)
where t.stream = s.stream

-- inbox_save: remember what was accepted; the count tells whether somebody was faster
insert into ledger.inbox (source, id, digest, status, position, retiree, recorded_at)
select s.source, s.id, s.digest, s.status, s.position, s.retiree, %(recorded_at)s
from unnest(%(sources)s::text[], %(ids)s::text[], %(digests)s::bytea[], %(statuses)s::text[], %(positions)s::bigint[],
            %(retirees)s::uuid[]) as s(source, id, digest, status, position, retiree)
order by s.source, s.id
on conflict do nothing

-- head_take: take the next positions; holds the head until commit, so positions become visible in order
update ledger.head set position = position + %(count)s, recorded_at = greatest(recorded_at, clock_timestamp())
returning position - %(count)s, recorded_at

-- event_copy: the events, in binary
copy ledger.event (position, stream, version, name, recorded_at, state) from stdin (format binary)

-- event_notify: wake the followers when this commits
select pg_notify('ledger', %(position)s::text)

-- event_read: the log after a position
select position, recorded_at, stream, version, name, state from ledger.event
where position > %(after)s and position <= %(until)s order by position limit %(limit)s

-- event_read_named: the log after a position, only these names
select position, recorded_at, stream, version, name, state from ledger.event
where position > %(after)s and position <= %(until)s and name = any(%(names)s) order by position limit %(limit)s

-- alert_read: the alerts after a position, by their index
select position, recorded_at, stream, version, name, state from ledger.event
where position > %(after)s and name like 'pension-alert-%%' order by position limit %(limit)s

-- event_of_stream: one stream, forward
select position, recorded_at, stream, version, name, state from ledger.event
where stream = %(stream)s and version > %(gt)s and version <= %(lte)s order by version limit %(limit)s

-- event_of_stream_desc: one stream, backward
select position, recorded_at, stream, version, name, state from ledger.event
where stream = %(stream)s and version > %(gt)s and version <= %(lte)s order by version desc limit %(limit)s

-- head_position: the last position
select position from ledger.head

-- tracking_get: how far a follower has come
select position from ledger.tracking where follower = %(follower)s and application_name = %(application_name)s

-- tracking_set: how far it has come now; never backward
insert into ledger.tracking (follower, application_name, position) values (%(follower)s, %(application_name)s, %(position)s)
on conflict (follower, application_name) do update set position = excluded.position
where ledger.tracking.position < excluded.position

-- tracking_advance: from just where it had come to; nothing is done twice and nothing left out
insert into ledger.tracking (follower, application_name, position)
select %(follower)s, %(application_name)s, %(position)s
where %(after)s = 0 or exists (select from ledger.tracking t
                               where (t.follower, t.application_name) = (%(follower)s, %(application_name)s))
on conflict (follower, application_name) do update set position = excluded.position
where ledger.tracking.position = %(after)s
