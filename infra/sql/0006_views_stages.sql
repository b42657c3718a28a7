-- The roster follows registrations that are corrected or taken back, and the inbox follows the answers to alerts. What the
-- new columns hold is in the log from its beginning, so both tables, and the trail that shares their position, are folded
-- again from there: until that is done the pages show what is folded so far, as after any other rebuild.

truncate views.roster, views.alert_inbox, views.audit_trail;
delete from ledger.tracking where follower = 'views';

alter table views.roster
    add column registered boolean not null,
    add column off_alert text,
    add column verify_alerts text[] not null,
    add column others text[] not null,
    add column gone text[] not null;

alter table views.alert_inbox
    add column stage text not null,
    add column escalated boolean not null,
    add column reason text,
    add column applied_month text;
