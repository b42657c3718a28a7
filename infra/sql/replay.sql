-- of_streams: the streams of a range of ids, each event in its order
select position, recorded_at, stream, version, name, state from ledger.event
where stream >= %(first)s and stream <= %(last)s and position <= %(until)s order by position

-- in_files: whether some of the log stands in files alone
select exists (select from ledger.archive)
