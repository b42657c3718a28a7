-- stop_save: a follower stopped before an entry; since when, as long as it is the same
insert into ledger.follower_stop (follower, position, name, error)
values (%(follower)s, %(position)s, %(name)s, %(error)s)
on conflict (follower) do update set position = excluded.position, name = excluded.name, error = excluded.error,
    since = case when ledger.follower_stop.position = excluded.position then ledger.follower_stop.since else excluded.since end

-- stop_end: a follower goes on
delete from ledger.follower_stop where follower = %(follower)s

-- followers: how far each has come and where it stopped; of those that are to be, and of any other that has begun
select follower, max(position), max(stopped), max(name), max(error), max(since), clock_timestamp(),
       (select position from ledger.head)
from (select follower, position, null::bigint as stopped, null::text as name, null::text as error, null::timestamptz as since
      from ledger.tracking where application_name = 'changqing' and follower not like 'views\_%%'
      union all select follower, null, position, name, error, since from ledger.follower_stop
      union all select unnest(%(usual)s::text[]), null, null, null, null, null) f
group by follower order by follower
