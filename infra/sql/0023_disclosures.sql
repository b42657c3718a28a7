-- The trail says by which way and why somebody was looked at; the views are folded again from the beginning of the log. `announced`: up to
-- which position what leaves by an outlet was recorded, before it left. `usual_access`: what is usual for an account or a retiree, as the
-- watch over reading keeps it (`domain/unusual.py`); it follows from the log.

alter table views.audit_trail add column way text, add column look text, add column reason text;
create index on views.audit_trail (retiree, position) where deed <> 'published';

create table views.unusual_access (
    flag_id text primary key,
    position bigint not null,
    recorded_at timestamptz not null,
    why text not null,
    day date not null,
    department text not null,
    actor text not null,
    times integer not null,
    usual integer not null,
    brought_by bigint not null,
    retiree uuid
);
create index on views.unusual_access (position);

do $$
begin
    perform views.remember('audit_trail');
    perform views.remember('unusual_access');
end $$;

do $$
declare
    model text;
begin
    for model in
        select left(relname, -5) from pg_class
        where relnamespace = 'views'::regnamespace and relkind = 'r' and relname like '%\_past'
    loop
        execute format('truncate views.%I, views.%I', model, model || '_past');
    end loop;
end $$;
delete from ledger.tracking where follower = 'views';

create table ledger.announced (outlet text primary key, position bigint not null);
create table ledger.usual_access (key text primary key, state jsonb not null);
grant select, insert, update, delete on ledger.announced, ledger.usual_access to changqing_services;
