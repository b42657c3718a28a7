-- archive_between: the archives that hold positions after one and up to another, and where this session looks for them
select first, last, file, current_setting('changqing.archive', true) from ledger.archive
where last > %(after)s and first <= %(until)s order by first

-- archive_all: every archive
select first, last, file, sha256, bytes from ledger.archive order by first

-- archive_newest: the newest archive
select first, last, file, sha256, bytes from ledger.archive order by first desc limit 1

-- archive_save: remember an archive
insert into ledger.archive (first, last, events, file, sha256, bytes)
values (%(first)s, %(last)s, %(last)s - %(first)s + 1, %(file)s, %(sha256)s, %(size)s)

-- archive_forget: an archive is a partition again
delete from ledger.archive where first = %(first)s

-- owner_find: whether this login may archive, and who may
select pg_has_role(relowner, 'usage'), pg_get_userbyid(relowner) from pg_class where oid = 'ledger.event'::regclass

-- partitions_full: the partitions that the log has gone beyond, the oldest first
select name, first, last from ledger.partition where last <= (select position from ledger.head) order by first

-- follower_behind: who is the furthest from having come to a position; other versions of the views read what is archived
select follower, position from ledger.tracking
where position < %(last)s and not starts_with(follower, 'views_') order by position limit 1

-- table_wait: wait no longer than this for a lock, as writers wait behind whoever waits for the whole table
set local lock_timeout = '3s'

-- table_lock: nobody reads or writes the log until this transaction ends
lock table only ledger.event in access exclusive mode

-- partition_begin: a table that can become a partition; its name
select split_part(ledger.begin_partition(%(first)s), '.', 2)

-- partition_attach: it becomes one
select ledger.attach_partition('ledger.' || %(name)s, %(first)s, %(last)s)

-- table_first: where the log begins that is in the database
select min(first) from ledger.partition

-- partition_drop: gone, together with the archive that is remembered in the same transaction
drop table ledger.{}

-- partition_copy: the events of a partition, in the table's own order of columns
copy (select position, stream, version, name, recorded_at, state from ledger.{} order by position) to stdout (format binary)

-- partition_index: where each event of a stream is, sorted as its bytes are
copy (select uuid_send(stream) || int4send(version) || int8send(position) from ledger.{} order by stream, version, position)
to stdout (format binary)

-- partition_fill: the events of an archive
copy ledger.{} from stdin (format binary)
