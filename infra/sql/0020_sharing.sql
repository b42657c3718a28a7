-- How late each fact was told, on the trail, and the gaps in what sources send, each with its beginning and end. Alerts are
-- asked for by the day by which to act, deeds by who did them. The views are folded again from the beginning of the log.

alter table views.audit_trail add column late_days integer;
create index on views.audit_trail (actor, position);
create index on views.audit_trail (recorded_at) where late_days is not null;
create index on views.audit_trail (position) where late_days > 0;
create index on views.alert_inbox (act_by);

create table views.source_gaps (source text primary key, department text not null, gaps text[] not null, position bigint not null);

do $$
declare
    model text;
begin
    foreach model in array array['audit_trail', 'source_gaps'] loop
        perform views.remember(model);
    end loop;
    for model in
        select left(relname, -5) from pg_class
        where relnamespace = 'views'::regnamespace and relkind = 'r' and relname like '%\_past'
    loop
        execute format('truncate views.%I, views.%I', model, model || '_past');
    end loop;
end $$;
delete from ledger.tracking where follower = 'views';
