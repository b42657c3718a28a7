-- Handovers, by retiree and by batch; and on the roster who serves, and who stays as managed (离休人员), which the steps of a
-- handover depend on. All of it is in the log from its beginning, so the views, which share one position, are folded again
-- from there: until that is done the pages show what is folded so far.

truncate views.roster, views.alert_inbox, views.audit_trail;
delete from ledger.tracking where follower = 'views';

alter table views.roster
    add column category text not null,
    add column serving text not null,
    add column receptions text[] not null;
create index on views.roster (serving text_pattern_ops, retiree);

create table views.handovers (
    retiree uuid primary key,
    batches text[] not null,
    handover text not null,
    registers text[] not null,
    gone text[] not null,
    position bigint not null
);
create index on views.handovers using gin (batches);
