-- Handovers, by retiree and by batch; and on the roster who stays as managed (离休人员), which the steps of a handover depend
-- on. Both are in the log from its beginning, so all the views, which share one position, are folded again from there.

truncate views.roster, views.alert_inbox, views.audit_trail;
delete from ledger.tracking where follower = 'views';

alter table views.roster add column category text not null;

create table views.handovers (
    retiree uuid primary key,
    office text,
    batches text[] not null,
    handover text not null,
    registers text[] not null,
    gone text[] not null,
    position bigint not null
);
create index on views.handovers using gin (batches);
create index on views.handovers (office text_pattern_ops, retiree) where office is not null;

-- Who serves: the last office that received, and of a street that received for its communities that of the registration.
create function views.serving(office text, community text) returns text language sql immutable
    return case when office is null or office = left(community, 9) || '000' then community else office end;
