-- What the registers keep of each retiree: archives, party relations, fees, visits and care, verifications of survival. All of it
-- is in the log from its beginning, so the views, which share one position, are folded again from there.

create table views.archives (retiree uuid primary key, told text[] not null, gone text[] not null, position bigint not null);
create table views.party_relations (like views.archives including all);
create table views.fees (like views.archives including all);
create table views.care (like views.archives including all);
create table views.verifications (like views.archives including all);

do $$
declare
    model text;
begin
    foreach model in array array['archives', 'party_relations', 'fees', 'care', 'verifications'] loop
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
