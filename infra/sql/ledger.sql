-- begin: a transaction
begin

-- inbox_known: what was accepted before under these identifications
select i.source, i.id, i.digest, i.status, i.position, i.retiree, i.recorded_at
from ledger.inbox i join unnest($1::text[], $2::text[]) as s(source, id) using (source, id)

-- master_key_claim: remember the first master key that is used here
insert into ledger.master_key (fingerprint) values (%(fingerprint)s) on conflict do nothing

-- master_key_find: the master key of this ledger
select fingerprint from ledger.master_key

-- retirees_lock: who these tags are, held until the end of the transaction, always in the same order; with states and wrapped
-- keys
select i.tag, s.stream, s.version, s.state, k.wrapped
from ledger.identity i join ledger.stream s on s.stream = i.retiree left join ledger.retiree_key k on k.retiree = s.stream
where i.tag = any($1::bytea[]) order by s.stream for update of s

-- retirees_lock_led: the same, where another record may go on for that of a tag: then that one, besides this one and its key
select i.tag, s.stream, s.version, s.state, k.wrapped, l.record, o.wrapped
from ledger.identity i left join ledger.led l on l.record = i.retiree left join ledger.retiree_key o on o.retiree = l.record
     join ledger.stream s on s.stream = coalesce(l.leader, i.retiree) left join ledger.retiree_key k on k.retiree = s.stream
where i.tag = any($1::bytea[]) order by s.stream for update of s

-- led_save: from now on a record is led by another one
insert into ledger.led (record, leader) values ($1::uuid, $2::uuid)

-- led_end: a record goes on by itself again
delete from ledger.led where record = $1::uuid

-- marks_clear: the marks of somebody whose facts are no longer the same
delete from ledger.mark where stream = $1::uuid

-- marks_find: those of the marks asked for that are there
select a.tag, m.mark, m.value
from unnest($1::bytea[], $2::bytea[]) as a(tag, mark) cross join lateral (
    select m.mark, m.value from ledger.mark m
    where m.stream = (select coalesce(l.leader, i.retiree) from ledger.identity i
                      left join ledger.led l on l.record = i.retiree where i.tag = a.tag) and m.mark = a.mark) as m

-- marks_save: new marks; a value is never empty
insert into ledger.mark (stream, mark, value)
select stream, mark, nullif(value, '')
from unnest($1::uuid[], $2::bytea[], $3::bytea[]) as m(stream, mark, value) on conflict do nothing

-- newcomers_save: tags, wrapped keys and streams of newcomers; it fails when somebody was faster
with n as (select * from unnest($1::bytea[], $2::uuid[], $3::bytea[], $4::int[], $5::bytea[])
                         as n(tag, stream, wrapped, version, state)),
     i as (insert into ledger.identity (tag, retiree) select tag, stream from n order by tag),
     k as (insert into ledger.retiree_key (retiree, wrapped) select stream, wrapped from n)
insert into ledger.stream (stream, version, state) select stream, version, state from n

-- retirees_save: retirees whom we knew, after the decisions
update ledger.stream as t set version = s.version, state = s.state
from unnest($1::uuid[], $2::int[], $3::bytea[]) as s(stream, version, state)
where t.stream = s.stream

-- dues_save: when something falls due next for these retirees
insert into ledger.due (stream, day) select stream, day from unnest($1::uuid[], $2::date[]) as d(stream, day) order by stream
on conflict (stream) do update set day = excluded.day

-- due_find: some of those for whom something falls due on a day, or fell due before
select stream from ledger.due where day <= $1::date and day < 'infinity' order by day, stream limit $2::bigint

-- due_walk: some of everybody of whom anything is known, by their id
select stream from ledger.stream where state is not null and stream > $1::uuid order by stream limit $2::bigint

-- clock: what time it is here
select clock_timestamp()

-- streams_lock: these retirees, held until the end of the transaction, always in the same order; with states and wrapped keys
select s.stream, s.version, s.state, k.wrapped
from ledger.stream s left join ledger.retiree_key k on k.retiree = s.stream
where s.stream = any($1::uuid[]) order by s.stream for update of s

-- key_find: the wrapped keys of these retirees
select retiree, wrapped from ledger.retiree_key where retiree = any(%(retirees)b::uuid[])

-- streams_claim: make these streams, unless they are there
insert into ledger.stream (stream) select s from unnest($1::uuid[]) as s order by s on conflict do nothing

-- streams_count: these streams after as many events
update ledger.stream as t set version = s.version from unnest($1::uuid[], $2::int[]) as s(stream, version) where t.stream = s.stream

-- stream_claim: make these streams, unless they are there
insert into ledger.stream (stream)
select s from unnest(%(streams)b::uuid[]) as s order by s on conflict do nothing

-- stream_lock: hold these streams until the end of the transaction, always in the same order
select stream, version, state from ledger.stream
where stream = any(%(streams)b::uuid[]) order by stream for update

-- stream_save: the streams after the decisions
update ledger.stream as t set version = s.version, state = coalesce(s.state, t.state)
from unnest(%(streams)b::uuid[], %(versions)b::int[], %(states)b::bytea[]) as s(stream, version, state)
where t.stream = s.stream

-- head_take: take the next positions; holds the head until commit, so positions become visible in order
update ledger.head set position = position + %(count)s, recorded_at = greatest(recorded_at, clock_timestamp())
where only_row returning position - %(count)s, recorded_at, room

-- event_copy: the events
copy ledger.event (position, stream, version, name, recorded_at, state) from stdin (format binary)

-- record: take the next positions, write events and inbox, wake the followers; it fails when somebody was faster
with h as (update ledger.head set position = position + $1::bigint, recorded_at = greatest(recorded_at, clock_timestamp())
           where only_row returning position - $1::bigint as before, recorded_at, room),
     e as (insert into ledger.event (position, stream, version, name, recorded_at, state)
           select h.before + e.place, e.stream, e.version, e.name, h.recorded_at, e.state
           from h, unnest($2::uuid[], $3::int[], $4::text[], $5::bytea[])
                   with ordinality as e(stream, version, name, state, place)),
     i as (insert into ledger.inbox (source, id, digest, status, position, retiree, recorded_at)
           select i.source, i.id, i.digest, i.status, h.before + i.place, i.retiree, h.recorded_at
           from h, unnest($6::text[], $7::text[], $8::bytea[], $9::text[], $10::int[], $11::uuid[])
                   as i(source, id, digest, status, place, retiree))
select before, recorded_at, room, pg_notify('ledger', (before + $1::bigint)::text) from h

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
select version, name, state, position, recorded_at from ledger.event
where stream = %(stream)s and version > %(gt)s and version <= %(lte)s order by version limit %(limit)s

-- event_of_stream_desc: one stream, backward
select version, name, state, position, recorded_at from ledger.event
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
