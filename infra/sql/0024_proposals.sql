-- Four eyes, and the erasure of a person. What stands in the tables here follows from the log; a function does the one
-- thing that cannot be undone, and looks once more whether it may.

create table ledger.proposal (
    proposal uuid primary key,
    act text not null,
    state text not null check (state in ('proposed', 'approved', 'refused', 'withdrawn', 'expired', 'done')),
    retiree uuid,
    subject text not null,
    due date,
    until date not null,
    terms jsonb not null,
    changed_at timestamptz not null default clock_timestamp()
);
create index on ledger.proposal (state, until);
create index on ledger.proposal (retiree) where retiree is not null;
create unique index on ledger.proposal (act, retiree, subject) nulls not distinct where state in ('proposed', 'approved');
grant insert on ledger.proposal to changqing_services;
grant update (state, due, until, terms, changed_at) on ledger.proposal to changqing_services;

create table ledger.legal_hold (
    hold uuid primary key,
    retiree uuid not null,
    by text not null,
    reason text not null,
    basis text not null,
    placed_at timestamptz not null default clock_timestamp(),
    lifted_by text,
    lifted_at timestamptz
);
create index on ledger.legal_hold (retiree) where lifted_at is null;
grant insert on ledger.legal_hold to changqing_services;
grant update (lifted_by, lifted_at) on ledger.legal_hold to changqing_services;

-- Who is who may change in this one way: of somebody without a key, and to nobody.
create function ledger.refuse_change_of_identity() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'UPDATE' and new.tag = old.tag and new.retiree = '00000000-0000-0000-0000-00000000dead'
       and not exists (select from ledger.retiree_key k where k.retiree = old.retiree) then
        return new;
    end if;
    raise exception '% on %.% is refused: what was recorded is never altered; 拒绝对 %.% 执行 %：已记录的内容不可更改',
        tg_op, tg_table_schema, tg_table_name, tg_table_schema, tg_table_name, tg_op
    using errcode = 'CQ001',
        hint = 'Correct it by a new event that retracts or replaces the old one; 更正须追加新事件，由它撤回或取代旧事件';
end $$;
drop trigger refuse_change on ledger.identity;
create trigger refuse_change before update or delete on ledger.identity
    for each row execute function ledger.refuse_change_of_identity();
alter table ledger.identity enable always trigger refuse_change;

-- Erase the records of a person: keys, the way from number to record, and what decisions kept at hand (hashes of names, of
-- documents). Refused (CQ003) unless a proposal to erase one of them is approved and its day has come here too, and while any
-- of them is held. How many keys there were.
create function ledger.erase(which uuid, records uuid[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone integer;
begin
    perform from ledger.proposal p
    where p.proposal = which and p.act = 'person.erase' and p.state = 'approved' and p.retiree = any(records)
      and p.due <= (clock_timestamp() at time zone 'Asia/Shanghai')::date
    for update;
    if not found or exists (select from ledger.legal_hold h where h.retiree = any(records) and h.lifted_at is null) then
        raise exception 'nobody may be erased by this proposal now; 目前不能依此提议删除此人' using errcode = 'CQ003';
    end if;
    delete from ledger.retiree_key where retiree = any(records);
    get diagnostics gone = row_count;
    -- Where the numbers of the erased lead from then on: a stream without a key and without events, one for all of them. A
    -- number that comes again is known for one of the erased, and nobody can tell whose record it was, with or without the key.
    insert into ledger.stream (stream) values ('00000000-0000-0000-0000-00000000dead') on conflict do nothing;
    -- by no index, as it is seldom: a second for ten million people
    update ledger.identity set retiree = '00000000-0000-0000-0000-00000000dead' where retiree = any(records);
    update ledger.stream set state = null where stream = any(records);
    update ledger.due set day = 'infinity' where stream = any(records);
    delete from ledger.mark where stream = any(records);
    delete from ledger.snapshot where stream = any(records);
    return gone;
end $$;
revoke execute on function ledger.erase from public;
grant execute on function ledger.erase to changqing_services;

-- An erasure waits for whoever makes people findable just now: it found the key, and would leave what leads to the erased.
create or replace function views.forget_search() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    lock table views.search in share row exclusive mode;
    delete from views.search where record = old.retiree;
    return null;
end $$;
