-- The read models. Their columns are the fields of the row types in projections/, in their order.

create schema views;

create table views.roster (
    retiree uuid primary key,
    community text not null,
    hukou_division text,
    department text not null,
    source text not null,
    source_id text not null,
    retired_on date not null,
    monthly_pension text not null,
    contribution_months integer,
    employer text,
    party_member boolean not null,
    special_groups text[] not null,
    status text not null,
    stopped_from text,
    verify_alert text,
    sealed bytea not null,
    position bigint not null
);
create index on views.roster (community text_pattern_ops, retiree);

create table views.alert_inbox (
    alert text primary key,
    retiree uuid not null,
    kind text not null,
    action text not null,
    first_month text not null,
    last_month text,
    months integer not null,
    amount text not null,
    strength text not null,
    document text not null,
    article text not null,
    rule_zh text not null,
    rule_en text not null,
    evidence text[] not null,
    office text not null,
    act_by date not null,
    state text not null,
    replaced_by text,
    position bigint not null,
    recorded_at timestamptz not null
);
create index on views.alert_inbox (position);
create index on views.alert_inbox (retiree);

create table views.audit_trail (
    deed_id text primary key,
    position bigint not null,
    recorded_at timestamptz not null,
    deed text not null,
    department text not null,
    actor text not null,
    retiree uuid not null,
    what text not null,
    purpose text,
    legal_basis text
);
create index on views.audit_trail (position);
create index on views.audit_trail (retiree, position);
create index on views.audit_trail (department, position);
