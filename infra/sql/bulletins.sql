-- nearest: what is whole of a period by a law, at the position nearest to one
select bulletin, position, people from views.bulletin
where first_day = %(first_day)s and last_day = %(last_day)s and law = %(law)s and ended is not null
order by abs(position - %(position)s), position limit 1

-- under_way: what is still being reckoned of a period by a law, at the position nearest to one
select bulletin, position, people from views.bulletin
where first_day = %(first_day)s and last_day = %(last_day)s and law = %(law)s and ended is null
order by abs(position - %(position)s), position limit 1

-- ask: let a period be reckoned, unless as many wait as may
insert into views.bulletin (first_day, last_day, law, position)
select %(first_day)s, %(last_day)s, %(law)s, %(position)s
where (select count(*) from views.bulletin where law = %(law)s and ended is null) < %(waiting)s
on conflict do nothing

-- next: what was asked for first and is not whole
select bulletin, first_day, last_day, position, after, people from views.bulletin
where law = %(law)s and ended is null order by asked, bulletin limit 1

-- add: to the figures of a bulletin
insert into views.bulletin_figure (bulletin, serving, community, measure, done, of)
select %(bulletin)s, * from unnest(%(serving)s::bool[], %(communities)s::text[], %(measures)s::text[], %(done)s::int8[], %(of)s::int8[])
on conflict (bulletin, serving, community, measure)
do update set done = bulletin_figure.done + excluded.done, of = bulletin_figure.of + excluded.of

-- brought: a bulletin of the same period and law at another position; nothing where there is one
insert into views.bulletin (first_day, last_day, law, position, people, ended)
select first_day, last_day, law, %(position)s, people, now() from views.bulletin where bulletin = %(bulletin)s
on conflict do nothing returning bulletin

-- copied: its figures, those of another for a beginning
insert into views.bulletin_figure (bulletin, serving, community, measure, done, of)
select %(bulletin)s, serving, community, measure, done, of from views.bulletin_figure where bulletin = %(of)s

-- there: whether a bulletin is kept
select from views.bulletin where bulletin = %(bulletin)s

-- come: how far a bulletin is, of so many people before
update views.bulletin set after = %(after)s, people = %(people)s
where bulletin = %(bulletin)s and people = %(before)s and ended is null

-- end: a bulletin is whole
update views.bulletin set ended = now() where bulletin = %(bulletin)s

-- thin: of the period and the law of a bulletin only those reckoned last are kept
delete from views.bulletin where bulletin in (
    select b.bulletin from views.bulletin b join views.bulletin o using (first_day, last_day, law)
    where o.bulletin = %(bulletin)s and b.ended is not null order by b.ended desc, b.bulletin desc offset %(kept)s)

-- touched: of whom something was recorded after a position and up to another
select distinct stream from (
    select stream, name from ledger.event where position > %(after)s and position <= %(until)s
) e where name = any(%(names)s) limit %(limit)s

-- in_files: the last position that stands in files alone
select coalesce(max(last), 0) from ledger.archive

-- people: whether so many have ever been on a roster
select count(*) from (select from views.roster limit %(limit)s) r
