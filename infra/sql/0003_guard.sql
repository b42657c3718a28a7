-- The log is immutable in fact: what the services' role may do, what nobody may, and room for the log ahead of need.

-- 1. The role that services act under, whatever their login. It cannot log in and owns nothing. Roles belong to the whole
-- cluster: another database, or the administrator, may have made it before, or be making it now.
do $$
declare
    by_hand constant text := format('As a superuser run: create role changqing_services nologin; '
                                    'grant changqing_services to %I with set true, inherit false', current_user);
begin
    if to_regrole('changqing_services') is null then
        begin
            create role changqing_services nologin;
        exception
            when duplicate_object or unique_violation then null;  -- another database's migration was faster
            when insufficient_privilege then
                raise exception 'the role changqing_services is missing and % may not create roles; '
                                '缺少角色 changqing_services，且 % 无权创建角色', current_user, current_user
                using errcode = 'CQ002', hint = by_hand;
        end;
    end if;
    if not pg_has_role(current_user, 'changqing_services', 'set') then
        begin
            execute format('grant changqing_services to %I with set true, inherit false', current_user);
        exception
            when unique_violation then null;
            when insufficient_privilege then
                raise exception '% may not act as the role changqing_services; % 不可切换到角色 changqing_services',
                    current_user, current_user
                using errcode = 'CQ002', hint = by_hand;
        end;
    end if;
end $$;

-- 2. What services need, no more: they add to the log and read it. The one deletion is a retiree's key, which erases the
-- person. Tables of later migrations may be read at once; what else is needed, the migration that makes them grants.
grant usage on schema ledger to changqing_services;
grant select on all tables in schema ledger to changqing_services;
alter default privileges in schema ledger grant select on tables to changqing_services;
grant select on alembic_version to changqing_services;
grant insert on ledger.event, ledger.inbox, ledger.identity, ledger.master_key to changqing_services;
grant insert, delete on ledger.retiree_key to changqing_services;
grant insert, update on ledger.stream, ledger.tracking to changqing_services;
grant update (position, recorded_at) on ledger.head to changqing_services;
grant all on schema views to changqing_services;
grant all on all tables in schema views to changqing_services;
alter default privileges in schema views grant all on tables to changqing_services;

-- 3. What nobody may, owner and superuser included: a trigger says no, and why. It fires for a replica's sessions too.
create function ledger.refuse_change() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% on %.% is refused: what was recorded is never altered; 拒绝对 %.% 执行 %：已记录的内容不可更改',
        tg_op, tg_table_schema, tg_table_name, tg_table_schema, tg_table_name, tg_op
    using errcode = 'CQ001',
        hint = 'Correct it by a new event that retracts or replaces the old one; 更正须追加新事件，由它撤回或取代旧事件';
end $$;
do $$
declare
    guarded regclass;
begin
    foreach guarded in array array['ledger.event', 'ledger.inbox', 'ledger.identity']::regclass[] loop
        execute format('create trigger refuse_change before update or delete on %s '
                       'for each row execute function ledger.refuse_change()', guarded);
        execute format('create trigger refuse_truncate before truncate on %s execute function ledger.refuse_change()', guarded);
        execute format('alter table %s enable always trigger refuse_change, enable always trigger refuse_truncate', guarded);
    end loop;
end $$;

-- 4. Partitions ahead of need. There is no default partition: rows in it would stand in the way of the partition they
-- belong to. `head.room` is the position after which an append asks for more; a whole partition is then still empty.
create table ledger.partitioning (
    only_row boolean primary key default true check (only_row),
    size bigint not null check (size > 0)
);
insert into ledger.partitioning values (true, 10000000);
alter table ledger.head add column room bigint not null default 0;

-- What left the database for a file: always the beginning of the log, so that the table holds the rest without a hole.
-- `sha256` is of the uncompressed stream, `bytes` the size of the file.
create table ledger.archive (
    first bigint primary key,
    last bigint not null unique,
    events bigint not null check (events = last - first + 1),
    file text not null,
    sha256 bytea not null,
    bytes bigint not null,
    archived_at timestamptz not null default clock_timestamp()
);

create view ledger.partition as
select c.relname::text as name, b.bound[1]::bigint as first, b.bound[2]::bigint - 1 as last
from pg_inherits i join pg_class c on c.oid = i.inhrelid,
     regexp_match(pg_get_expr(c.relpartbound, c.oid), 'FROM \(''?(\d+)''?\) TO \(''?(\d+)''?\)') as b(bound)
where i.inhparent = 'ledger.event'::regclass and b.bound is not null;

-- A table that can become the partition from `first` on; its name.
create function ledger.begin_partition(first bigint) returns text language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    made constant text := format('ledger.event_%s', to_char(first, 'FM000000000000'));
begin
    execute format('create table %s (like ledger.event including all)', made);
    execute format('create trigger refuse_truncate before truncate on %s execute function ledger.refuse_change()', made);
    execute format('alter table %s enable always trigger refuse_truncate', made);
    return made;
end $$;

create function ledger.attach_partition(made text, first bigint, last bigint) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    execute format('alter table ledger.event attach partition %s for values from (%s) to (%s)', made, first, last + 1);
end $$;

-- Makes what is missing for the log to hold `until` (at least the next position), and a whole partition more; gives the
-- last position there is room for. An append calls it holding the head, so that is locked first. Attaching holds up no
-- reader and no writer. Whoever has the table for long (an index being built, say) is waited for only when there is no
-- room left at all. A crash before the commit leaves nothing.
create function ledger.make_partitions(until bigint default 0) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    step bigint;
    needed bigint;
    reached bigint;
begin
    select greatest(until, position + 1) into needed from ledger.head for update;
    begin
        lock table ledger.event in share update exclusive mode nowait;
    exception when lock_not_available then
        select max(last) into reached from ledger.partition;
        if needed <= reached then
            return reached;  -- the next batch tries again
        end if;
        lock table ledger.event in share update exclusive mode;
    end;
    select size into step from ledger.partitioning;
    select greatest(max(last), (select max(last) from ledger.archive), 0) into reached from ledger.partition;
    while reached < needed + step loop
        perform ledger.attach_partition(ledger.begin_partition(reached + 1), reached + 1, reached + step);
        reached := reached + step;
    end loop;
    update ledger.head set room = reached - step where room <> reached - step;
    return reached;
end $$;
revoke execute on function ledger.make_partitions, ledger.begin_partition, ledger.attach_partition from public;
grant execute on function ledger.make_partitions to changqing_services;

-- The first partitions were made by hand; what the default one holds moves to where it belongs.
alter table ledger.event_000 rename to event_000000000001;
create trigger refuse_truncate before truncate on ledger.event_000000000001 execute function ledger.refuse_change();
alter table ledger.event_000000000001 enable always trigger refuse_truncate;
alter table ledger.event detach partition ledger.event_rest;
select ledger.make_partitions();
insert into ledger.event select * from ledger.event_rest;
drop table ledger.event_rest;
