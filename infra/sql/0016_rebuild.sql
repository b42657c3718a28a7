-- Versions of the read models side by side: `views_next` is being folded from the beginning, `views_before` is what answered
-- before the last exchange. The tables are made and moved by `changqing rebuild`, which the owner runs.
create schema views_next;
create schema views_before;
grant usage on schema views_next, views_before to changqing_services;
