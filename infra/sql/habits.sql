-- habits_find: what is known of these accounts and retirees
select key, state::text from ledger.usual_access where key = any(%(keys)s)

-- habits_save: what is known of them now
insert into ledger.usual_access (key, state) select key, state::jsonb from unnest(%(keys)s::text[], %(states)s::text[]) as s(key, state)
on conflict (key) do update set state = excluded.state

-- readers_forget: who looked at a retiree on a day before this one
delete from ledger.usual_access where key like 'retiree %%' and state ->> 'day' < %(day)s
